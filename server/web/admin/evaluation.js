// Starts the evaluation suite of a version, and shows its results beside those of the base model.

import { call } from "../shared/api.js";
import { button, h } from "../shared/dom.js";
import { formatPercent, formatTime, statusBadge, table } from "../shared/format.js";
import { barChart } from "./charts.js";
import { isOpen } from "./runs.js";

const POLL_MS = 1000;

/** A section of a version's card. `actions` has evaluate(version) and follow(version, onRun). */
export function evaluationSection(version, actions) {
  const run = version.suite;
  const ask = button("Run the suite", () => actions.evaluate(version), {
    id: `evaluate-${version.label}`,
    disabled: isOpen(run),
  });
  return h(
    "section",
    { class: "evaluation", "aria-label": `Evaluation suite of ${version.label}` },
    h(
      "div",
      { class: "row" },
      h("h3", {}, "Evaluation suite"),
      run ? statusBadge(run.status) : null,
      h("span", { class: "muted small grow" }, run ? formatTime(run.finished_at) : "Not run yet."),
      ask,
    ),
    isOpen(run) ? progress(version, actions) : run ? outcome(run) : null,
  );
}

function progress(version, actions) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Evaluation suite" });
  const text = h("p", { class: "muted small" });
  const show = ({ progress: { phase, fraction } }) => {
    bar.value = fraction;
    text.textContent = `${phase}: ${formatPercent(fraction)}`;
  };
  show(version.suite);
  actions.follow(version, show);
  return [bar, text];
}

function outcome(run) {
  if (run.measures.length === 0) return h("p", {}, run.reason);
  const headings = [{ text: "Measure" }, { text: "Base and adapter" }, { text: "Verdict" }];
  return table(
    headings,
    run.measures.map((measure) => [measure.name, drawing(measure, run.version), verdict(measure)]),
  );
}

function drawing({ name, base, candidate }, label) {
  const rows = [
    { label: "base model", value: base, text: formatPercent(base) },
    { label, value: candidate, text: formatPercent(candidate), isAfter: true },
  ];
  return h("div", { class: "chart small" }, barChart(name, rows, 1));
}

function verdict({ sentence, examples, is_met: isMet }) {
  return [
    isMet ? null : h("span", { class: "badge warn" }, "worse"),
    h("span", {}, isMet ? "" : " ", sentence),
    examples.length
      ? h(
          "details",
          { class: "small muted" },
          h("summary", {}, "Worse on, for example"),
          h(
            "ul",
            { class: "reasons" },
            examples.map((prompt) => h("li", {}, prompt)),
          ),
        )
      : null,
  ];
}

/** Calls `onRun` every second until the run has ended (true) or `signal` aborts (false). */
export async function pollEvaluation(path, signal, onRun) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (signal.aborted) return false;
    const run = await call("GET", path);
    if (signal.aborted) return false;
    if (!isOpen(run)) return true;
    onRun(run);
  }
}
