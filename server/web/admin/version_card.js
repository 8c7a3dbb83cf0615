// A card of one version of an adapter: what it learned from, how it scored, and the verdict.

import { button, h } from "../shared/dom.js";
import {
  formatBytes,
  formatDuration,
  formatNumber,
  formatPercent,
  formatTime,
  plural,
  statusBadge,
} from "../shared/format.js";
import { barCard, lineCard } from "./charts.js";
import { evaluationSection } from "./evaluation.js";
import { compareSection, taughtSection } from "./taught.js";
import { measuresTable, verdictText } from "./verdict.js";

/** A card that unfolds. `actions` has promote, download and those of `evaluationSection`; `about` is
    for what was taught: the version's `path`, all `versions`, and `onError`. */
export function versionCard(version, { isOpen, actions, about }) {
  const verdict = version.report.verdict;
  return h(
    "details",
    { class: "card version", "data-version": version.label, open: isOpen },
    h(
      "summary",
      {},
      h("strong", {}, version.label),
      version.active ? h("span", { class: "badge good" }, "answers now") : null,
      version.withdrawn_at ? h("span", { class: "badge warn" }, "withdrawn") : null,
      verdict ? statusBadge(verdict.outcome) : null,
      h("span", {}, `learned from ${plural(version.examples, "example")}`),
      h("span", { class: "muted small grow" }, lossText(version.report.evaluation)),
      h("span", { class: "muted small" }, formatTime(version.created_at)),
    ),
    h(
      "div",
      { class: "inside" },
      verdict ? h("p", {}, verdictText(verdict)) : null,
      measuresTable(verdict?.measures),
      charts(version),
      taughtSection(version, about),
      version.withdrawn_at ? null : compareSection(version, about),
      version.withdrawn_at ? null : evaluationSection(version, actions),
      facts(version),
      version.withdrawn_at
        ? h("p", { class: "muted" }, "It learned from feedback that was deleted or changed since, and answers no more.")
        : h(
            "div",
            { class: "row" },
            version.active
              ? null
              : button(`Promote ${version.label}`, () => actions.promote(version), { id: `promote-${version.label}` }),
            button("Download as PEFT folder", () => actions.download(version), { id: `download-${version.label}` }),
          ),
    ),
  );
}

function lossText(evaluation) {
  if (!evaluation) return "";
  return `loss ${formatNumber(evaluation.train_loss_before)} → ${formatNumber(evaluation.train_loss_after)}`;
}

function charts(version) {
  const evaluation = version.report.evaluation;
  if (!evaluation) return null;
  return h(
    "div",
    { class: "charts" },
    beforeAfter(
      "Loss on held-out examples",
      `Better on ${evaluation.held_out_wins} of ${plural(evaluation.held_out_comparisons ?? evaluation.held_out_examples, "held-out comparison")}${bySum(evaluation)}. Lower is better.`,
      evaluation.held_out_loss_base,
      evaluation.held_out_loss,
      version.label,
      evaluation.held_out_loss_few_shot,
    ),
    compliance(version),
    beforeAfter(
      "Loss on its training examples",
      `${plural(evaluation.steps, "step")} of training. Lower is better.`,
      evaluation.train_loss_before,
      evaluation.train_loss_after,
      version.label,
    ),
    curve(version),
  );
}

function compliance({ label, report: { evaluation } }) {
  const { num_probes: n, compliance: own, base_compliance: base } = evaluation;
  const memory = evaluation.base_compliance_with_few_shot;
  if (!n || !isMeasured(own) || !isMeasured(base)) return null;
  const row = (name, value, isAfter = false) => ({ label: name, value, text: `${value} of ${n}`, isAfter });
  return barCard("Probe prompts on which the rules are followed", "Higher is better.", [
    row("base model", base),
    ...(isMeasured(memory) ? [row("memory", memory)] : []),
    row(label, own, true),
  ]);
}

/** The loss while it was fitted; the steps of later phases follow on those of the earlier. */
function curve({ report: { curve: phases } }) {
  const points = [];
  for (const phase of phases ?? []) {
    const before = points.at(-1)?.x ?? 0;
    points.push(...phase.points.map(([step, loss]) => ({ x: before + step, y: loss })));
  }
  if (points.length < 2) return null;
  const names = [...new Set(phases.map(({ phase }) => phase))].join(", then ");
  return lineCard("Loss while training", `${plural(points.at(-1).x, "step")}: ${names}.`, points);
}

function bySum({ held_out_wins, held_out_wins_by_sum = held_out_wins }) {
  return held_out_wins_by_sum === held_out_wins ? "" : ` (${held_out_wins_by_sum} without length normalisation)`;
}

function isMeasured(value) {
  return value !== null && value !== undefined;
}

/** A card of the base and the version; null if one of them was not measured. */
function beforeAfter(title, note, before, after, label, memory) {
  if (!isMeasured(before) || !isMeasured(after)) return null;
  return barCard(title, note, [
    { label: "base model", value: before, text: formatNumber(before) },
    ...(isMeasured(memory) ? [{ label: "memory", value: memory, text: formatNumber(memory) }] : []),
    { label, value: after, text: formatNumber(after), isAfter: true },
  ]);
}

function facts(version) {
  const evaluation = version.report.evaluation ?? {};
  const usage = version.report.usage ?? {};
  const rows = [
    ["Parent", version.parent ?? "none, trained from the base model"],
    ["Teacher", version.report.teacher?.sentence],
    ["Rules", sentences(version.report.rules?.map((rule) => rule.sentence))],
    ["Fit", sentences(version.report.fit?.sentences)],
    ["Created", `${formatTime(version.created_at)} by ${version.created_by}`],
    ["Size", formatBytes(version.size_bytes)],
    [
      "Drift from the base",
      evaluation.reference_kl === undefined ? null : `${formatNumber(evaluation.reference_kl, 3)} nats per token`,
    ],
    ["Trained parameters", usage.trainable_share === undefined ? null : formatPercent(usage.trainable_share, 2)],
    ["Device", usage.device === undefined ? null : `${usage.device}, ${formatDuration(usage.device_seconds)}`],
    ["Peak memory", usage.peak_memory_bytes ? formatBytes(usage.peak_memory_bytes) : null],
    ["LoRA", `rank ${version.lora.rank}, alpha ${version.lora.alpha}`],
    ["Seed", version.seed],
    ["Base model", version.base_model],
    ["Base revision", mono(version.base_revision)],
    ["Dataset", version.dataset_hash ? mono(version.dataset_hash) : null],
    ["Checksum", mono(version.checksum)],
    ["Run", version.run_id ? mono(version.run_id) : null],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value === 0 ? "0" : value))),
  );
}

function sentences(list) {
  return list?.join(" ") || null;
}

function mono(text) {
  return h("span", { class: "mono", title: text }, text.length > 20 ? `${text.slice(0, 16)}…` : text);
}
