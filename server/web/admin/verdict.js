// A verdict in two sentences, and its numbers in a table.

import { h } from "../shared/dom.js";
import { formatNumber, plural, table } from "../shared/format.js";

const OUTCOMES = {
  significant: "Better than the base model, by more than chance",
  provisional: "Not shown to be better yet, and no measure is worse than allowed",
};
// The first of these that was measured says most.
const TELLING = ["compliance", "preferred replies", "adherence", "held-out wins"];
const LONG = 180;

/** A verdict in at most two sentences. */
export function verdictText({ outcome, reasons, measures }) {
  const lost = measures.filter((measure) => !measure.is_met);
  if (outcome === "refused") {
    const count = measures.length
      ? `Refused: ${lost.length} of ${plural(measures.length, "measure")} not met.`
      : "Refused.";
    return [count, reasons[0]].filter(Boolean).join(" ");
  }
  const kept = measures.length ? ` (${plural(measures.length, "measure")} met)` : "";
  const telling = TELLING.map((name) => measures.find((measure) => measure.name === name)).find(Boolean);
  return [`${OUTCOMES[outcome]}${kept}.`, telling?.sentence ?? (measures.length ? null : reasons[0])]
    .filter(Boolean)
    .join(" ");
}

/** Why a run ended as it did: its verdict in short, else its reason, whose end unfolds if it is long. */
export function reasonOf({ reason, report }) {
  return report?.verdict ? verdictText(report.verdict) : folded(reason);
}

/** A text, of which all but the first sentence unfolds if it is long. */
export function folded(text) {
  const end = text.search(/[.;] /) + 1;
  if (text.length <= LONG || end === 0) return text;
  return h(
    "details",
    { class: "folded" },
    h("summary", {}, text.slice(0, end).replace(/;$/, ".")),
    text.slice(end).trim(),
  );
}

/** The measures of a verdict, each with its sentence; the ones that were not met come first. */
export function measuresTable(measures) {
  if (!measures?.length) return null;
  const headings = [
    { text: "Measure" },
    ...["Base", "Memory", "Version", "Bound", "n"].map((text) => ({ text, isNumber: true })),
    { text: "Verdict" },
  ];
  const ordered = [...measures].sort((one, other) => Number(one.is_met) - Number(other.is_met));
  return table(
    headings,
    ordered.map((measure) => [
      measure.name,
      ...[measure.base, measure.memory, measure.candidate, measure.bound].map((value) => formatNumber(value)),
      String(measure.n),
      [
        h("span", { class: measure.is_met ? "badge good" : "badge warn" }, measure.is_met ? "met" : "not met"),
        h("span", { class: "reason" }, measure.sentence),
      ],
    ]),
  );
}
