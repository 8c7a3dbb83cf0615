// Builds elements. Text always becomes a text node, so data is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

function isPresent(value) {
  return value !== null && value !== undefined && value !== false;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (!isPresent(value)) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter(isPresent));
  return element;
}

/** An HTML element. Attributes named `on…` are listeners; empty children are skipped. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Replaces the children of an element. A focused child with an id keeps the focus. */
export function put(element, ...children) {
  const before = element.contains(document.activeElement) ? document.activeElement?.id : "";
  element.replaceChildren(...children.flat(Infinity).filter(isPresent));
  if (before) byId(before)?.focus();
}

/**
 * The element with this id. Of any kind, so that the type check lets fields and buttons be used as such.
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * The first element with this attribute.
 * @returns {HTMLElement | null}
 */
export function byAttribute(name) {
  return document.querySelector(`[${name}]`);
}

/**
 * The element that has the focus.
 * @returns {HTMLElement | null}
 */
export function focused() {
  return document.activeElement instanceof HTMLElement ? document.activeElement : null;
}

/** Makes a textarea grow with its text. Returns a function that fits it now. */
export function autosize(textarea) {
  const fit = () => {
    textarea.style.height = "auto";
    textarea.style.height = `${textarea.scrollHeight + 2}px`;
  };
  textarea.addEventListener("input", fit);
  requestAnimationFrame(fit);
  return fit;
}

// Drawing takes at most a fifth of the time: after each draw there is a pause four times as long.
const PAUSE = 4;

/** A function that draws its newest argument: once per frame at most, and less often if it is slow. */
export function paced(draw) {
  let isScheduled = false;
  let newest;
  let free = 0;
  const now = () => {
    const start = performance.now();
    if (start < free) {
      requestAnimationFrame(now);
      return;
    }
    isScheduled = false;
    draw(newest);
    const end = performance.now();
    free = end + PAUSE * (end - start);
  };
  return (value) => {
    newest = value;
    if (!isScheduled) requestAnimationFrame(now);
    isScheduled = true;
  };
}

const ICONS = {
  up: "M7.5 11v9H4v-9zM7.5 11l4-7.5c1.6 0 2.5 1.2 2.2 2.7L13 9.5h5.6a2 2 0 0 1 2 2.4l-1.3 6.4a2 2 0 0 1-2 1.7H7.5",
  down: "M16.5 13V4H20v9zM16.5 13l-4 7.5c-1.6 0-2.5-1.2-2.2-2.7l.7-3.3H5.4a2 2 0 0 1-2-2.4l1.3-6.4a2 2 0 0 1 2-1.7h9.8",
  edit: "M4 20l1-4.5L16.2 4.3a1.6 1.6 0 0 1 2.3 0l1.2 1.2a1.6 1.6 0 0 1 0 2.3L8.5 19zM14 6.5l3.5 3.5",
  again: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4v5h-5",
  copy: "M9 9h10.5v11H9zM15 9V4.5H4.5V16H9",
  compare: "M12 4v16M4 7h5v10H4zM15 7h5v10h-5z",
  comment: "M4 5h16v11h-8l-4.5 4v-4H4z",
  send: "M12 20V5M5.5 11.5L12 5l6.5 6.5",
  stop: "M7 7h10v10H7z",
  plus: "M12 5v14M5 12h14",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  pin: "M9 4h6l-1 6 3 3.5H7L10 10zM12 13.5V21",
  clip: "M20 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.7 17.2a1.6 1.6 0 0 1-2.3-2.3l7.6-7.6",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  check: "M5 12.5l4.5 4.5L19 7.5",
};

/** A line drawing in the colour of the surrounding text. */
export function icon(name) {
  return svg(
    "svg",
    {
      class: "icon",
      viewBox: "0 0 24 24",
      fill: name === "stop" ? "currentColor" : "none",
      stroke: "currentColor",
      "stroke-width": 1.7,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    svg("path", { d: ICONS[name] }),
  );
}

/** A button with a text. */
export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, text);
}

/** A square button with an icon. `label` is its accessible name and its tooltip. */
export function iconButton(name, label, onclick, attributes = {}) {
  return h(
    "button",
    { type: "button", class: "quiet round", "aria-label": label, title: label, onclick, ...attributes },
    icon(name),
  );
}
