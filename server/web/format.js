// Figures, times and states as people read them.

import { h } from "./dom.js";

const MOMENT = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
const THIS_YEAR = new Intl.DateTimeFormat(undefined, MOMENT);
const EARLIER = new Intl.DateTimeFormat(undefined, { ...MOMENT, year: "numeric" });
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes as people read them: 1.8 MB. */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Seconds since the epoch as local date and time; the year only where it is another one. */
export function time(seconds) {
  if (!seconds) return "–";
  const moment = new Date(seconds * 1000);
  const format = moment.getFullYear() === new Date().getFullYear() ? THIS_YEAR : EARLIER;
  return format.format(moment);
}

/** A duration: 48 s, 3 min 5 s. */
export function duration(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Device time, and money where a price is set: 95 s, 0.0660. */
export function deviceTime({ device_seconds: seconds, cost }) {
  if (seconds === null || seconds === undefined) return "–";
  return cost === undefined ? duration(seconds) : `${duration(seconds)}, ${cost.toFixed(cost >= 1 ? 2 : 4)}`;
}

/** A loss or another small figure; a dash when it was not measured. */
export function figure(value, digits = 2) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

export function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

const TONES = {
  promoted: "good",
  proven: "good",
  passed: "good",
  provisional: "accent",
  running: "accent",
  refused: "warn",
  cancelled: "warn",
  failed: "bad",
};

/** A run's status or a verdict's outcome, coloured by how good the news is. */
export function stateBadge(state) {
  return h("span", { class: `badge ${TONES[state] ?? ""}` }, state);
}

/** The adapter that answers: a version, or the base model. */
export function adapterBadge(adapter) {
  return h("span", { class: adapter === "base" ? "badge" : "badge accent" }, adapter === "base" ? "base model" : adapter);
}

/** A table that turns into cards on small screens; a cell is content, or {content, number}. */
export function table(headings, rows) {
  const cell = (content, index) => h("td", { class: headings[index].isNumber ? "number" : null, "data-label": headings[index].text }, h("span", {}, content));
  return h(
    "div",
    { class: "card table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, headings.map(({ text, isNumber }) => h("th", { scope: "col", class: isNumber ? "number" : null }, text)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))),
    ),
  );
}
