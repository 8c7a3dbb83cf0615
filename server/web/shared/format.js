// Formats numbers, times and states for people.

import { h } from "./dom.js";

/** @type {Intl.DateTimeFormatOptions} */
const MOMENT = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
const THIS_YEAR = new Intl.DateTimeFormat(undefined, MOMENT);
const EARLIER = new Intl.DateTimeFormat(undefined, { ...MOMENT, year: "numeric" });
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A size, such as 1.8 MB. */
export function formatBytes(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Seconds since the epoch as local date and time, with the year unless it is this one. */
export function formatTime(seconds) {
  if (!seconds) return "–";
  const moment = new Date(seconds * 1000);
  const format = moment.getFullYear() === new Date().getFullYear() ? THIS_YEAR : EARLIER;
  return format.format(moment);
}

/** A duration, such as 48 s or 3 min 5 s. */
export function formatDuration(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Device time, with its cost if a price is set: 95 s, 0.0660. */
export function formatDeviceTime({ device_seconds: seconds, cost }) {
  if (seconds === null || seconds === undefined) return "–";
  return cost === undefined
    ? formatDuration(seconds)
    : `${formatDuration(seconds)}, ${cost.toFixed(cost >= 1 ? 2 : 4)}`;
}

/** A small number, such as a loss; a dash if it was not measured. */
export function formatNumber(value, digits = 2) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

/** A share, such as 12 %. */
export function formatPercent(share, digits = 0) {
  return `${(share * 100).toFixed(digits)} %`;
}

/** A count with its noun, such as 3 corrections. */
export function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

const TONES = {
  promoted: "good",
  significant: "good",
  passed: "good",
  provisional: "accent",
  running: "accent",
  refused: "warn",
  cancelled: "warn",
  failed: "bad",
};

/** A run's status or a verdict's outcome, in a colour that says how good it is. */
export function statusBadge(status) {
  return h("span", { class: `badge ${TONES[status] ?? ""}` }, status);
}

/** The adapter that answers: a version, or the base model. */
export function adapterBadge(adapter) {
  return h(
    "span",
    { class: adapter === "base" ? "badge" : "badge accent" },
    adapter === "base" ? "base model" : adapter,
  );
}

/** A table; small screens show each row as a card. `sorted` of a heading is its aria-sort. */
export function table(headings, rows) {
  const kind = ({ isNumber, isTime }) => (isNumber ? "number" : isTime ? "time" : null);
  const cell = (content, index) =>
    h("td", { class: kind(headings[index]), "data-label": headings[index].text }, h("span", {}, content));
  return h(
    "div",
    { class: "card table" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          headings.map(({ text, isNumber, content = text, sorted }) =>
            h("th", { scope: "col", class: isNumber ? "number" : null, "aria-sort": sorted }, content),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) => h("tr", {}, row.map(cell))),
      ),
    ),
  );
}
