// What the regression suite measured of a version, beside the base model, and how to ask for it.

import { call } from "./api.js";
import { drawnBars } from "./charts.js";
import { h } from "./dom.js";
import { stateBadge, table, time } from "./format.js";
import { isOpen } from "./runs.js";

const POLL_MS = 1000;

/** A part of a version's card; `acts` has evaluate(version) and followSuite(version, onRun). */
export function suiteSection(version, acts) {
  const run = version.suite;
  const ask = h("button", { type: "button", id: `evaluate-${version.label}`, disabled: isOpen(run), onclick: () => acts.evaluate(version) }, "Evaluate fully");
  return h(
    "section",
    { class: "suite", "aria-label": `Regression suite of ${version.label}` },
    h(
      "div",
      { class: "row" },
      h("h3", {}, "Regression suite"),
      run ? stateBadge(run.status) : null,
      h("span", { class: "muted small grow" }, run ? time(run.finished_at) : "Not measured yet."),
      ask,
    ),
    isOpen(run) ? progress(version, acts) : run ? outcome(run) : null,
  );
}

function progress(version, acts) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Regression suite" });
  const text = h("p", { class: "muted small" });
  const show = ({ progress: { phase, fraction } }) => {
    bar.value = fraction;
    text.textContent = `${phase}: ${percent(fraction)}`;
  };
  show(version.suite);
  acts.followSuite(version, show);
  return [bar, text];
}

function outcome(run) {
  if (run.measures.length === 0) return h("p", {}, run.reason);
  const headings = [{ text: "Measure" }, { text: "Base and adapter" }, { text: "Verdict" }];
  return table(headings, run.measures.map((measure) => [measure.name, drawing(measure, run.version), verdict(measure)]));
}

function drawing({ name, base, adapter }, label) {
  const rows = [
    { label: "base model", value: base, text: percent(base) },
    { label, value: adapter, text: percent(adapter), isAfter: true },
  ];
  return h("div", { class: "chart small" }, drawnBars(name, rows, 1));
}

function verdict({ sentence, lost, is_refused: isRefused }) {
  return [
    isRefused ? h("span", { class: "badge warn" }, "worse") : null,
    h("span", {}, isRefused ? " " : "", sentence),
    lost.length ? h("details", { class: "small muted" }, h("summary", {}, "Lost, for example"), h("ul", { class: "reasons" }, lost.map((prompt) => h("li", {}, prompt)))) : null,
  ];
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** Calls `onRun` with an open run every second; true once it has ended, false where `signal` aborts. */
export async function follow(path, signal, onRun) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (signal.aborted) return false;
    const run = await call("GET", path);
    if (signal.aborted) return false;
    if (!isOpen(run)) return true;
    onRun(run);
  }
}
