// Small charts, with the numbers beside the marks.

import { h, svg } from "../shared/dom.js";

const WIDTH = 340;
const LABEL = 88;
const VALUE = 58;
const ROW = 30;

function card(title, note, drawing) {
  return h(
    "figure",
    { class: "card chart" },
    h("figcaption", {}, h("h3", {}, title), note ? h("p", { class: "muted small" }, note) : null),
    drawing,
  );
}

/** A card with horizontal bars. `rows` are {label, value, text, isAfter}; bars start at zero. */
export function barCard(title, note, rows) {
  const most = Math.max(...rows.map((row) => row.value), Number.MIN_VALUE);
  return card(title, note, barChart(title, rows, most));
}

/** The bars alone. A bar of the value `most` fills the width. */
export function barChart(title, rows, most) {
  const room = WIDTH - LABEL - VALUE;
  const marks = rows.flatMap(({ label, value, text, isAfter }, index) => {
    const top = index * ROW;
    const length = Math.max(2, (value / most) * room);
    return [
      svg("text", { class: "soft", x: 0, y: top + 19 }, label),
      svg("rect", { class: "track", x: LABEL, y: top + 6, width: room, height: 18, rx: 5 }),
      svg("rect", { class: isAfter ? "after" : "before", x: LABEL, y: top + 6, width: length, height: 18, rx: 5 }),
      svg("text", { x: WIDTH - VALUE + 10, y: top + 19 }, text),
    ];
  });
  const spoken = rows.map((row) => `${row.label} ${row.text}`).join(", ");
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${rows.length * ROW}`, role: "img", "aria-label": `${title}: ${spoken}` },
    marks,
  );
}

/** A card with a line through `points`, {x, y}, that shows the first and last value. */
export function lineCard(title, note, points) {
  const height = 120;
  const [left, right, top, bottom] = [8, WIDTH - 56, 18, height - 10];
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const place = (value, values, from, to) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from);
  };
  const at = points.map((point) => [place(point.x, xs, left, right), place(point.y, ys, bottom, top)]);
  const path = at.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  const [endX, endY] = at.at(-1);
  return card(
    title,
    note,
    svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${height}`,
        role: "img",
        "aria-label": `${title}: from ${ys[0].toFixed(2)} to ${ys.at(-1).toFixed(2)}`,
      },
      svg("line", { class: "axis", x1: left, x2: right, y1: bottom + 6, y2: bottom + 6 }),
      svg("path", { class: "line", d: path }),
      svg("circle", { class: "after", cx: endX, cy: endY, r: 4 }),
      svg("text", { class: "soft", x: left, y: at[0][1] - 8 }, ys[0].toFixed(2)),
      svg("text", { x: endX + 10, y: endY + 5 }, ys.at(-1).toFixed(2)),
    ),
  );
}

const DAY_HEIGHT = 40;

/** A card with a column per day: `up` above the line, `down` below. `days` are {day, up, down}. */
export function dayCard(title, note, days) {
  const most = Math.max(1, ...days.flatMap(({ up, down }) => [up, down]));
  const room = (2 * WIDTH) / days.length;
  const columns = days.flatMap(({ day, up, down }, index) => {
    const [high, low] = [up, down].map((count) => (count / most) * (DAY_HEIGHT - 4));
    const at = { x: index * room + 1, width: room - 2, rx: 2 };
    return [
      svg("rect", { class: "after", ...at, y: DAY_HEIGHT - high, height: high }),
      svg(
        "rect",
        { class: "down", ...at, y: DAY_HEIGHT, height: low },
        svg("title", {}, `${day}: ${up} up, ${down} down`),
      ),
    ];
  });
  const drawing = svg(
    "svg",
    { class: "wide", viewBox: `0 0 ${2 * WIDTH} ${2 * DAY_HEIGHT}`, role: "img", "aria-label": `${title}: ${note}` },
    svg("line", { class: "axis", x1: 0, x2: 2 * WIDTH, y1: DAY_HEIGHT, y2: DAY_HEIGHT }),
    columns,
  );
  return card(title, note, drawing);
}
