// One version of an adapter: what it learned from, how it scored, and why it may answer.

import { bars } from "./charts.js";
import { h } from "./dom.js";
import { suiteSection } from "./suite.js";
import { duration, figure, plural, size, stateBadge, time } from "./format.js";

/** A folded card of one version; `acts` has promote, download and what the suite needs. */
export function versionCard(version, { isOpen, acts }) {
  const verdict = version.report.verdict;
  return h(
    "details",
    { class: "card version", "data-version": version.label, open: isOpen },
    h(
      "summary",
      {},
      h("strong", {}, version.label),
      version.active ? h("span", { class: "badge good" }, "answers now") : null,
      verdict ? stateBadge(verdict.outcome) : null,
      h("span", {}, `learned from ${plural(version.rows, "row")}`),
      h("span", { class: "muted small grow" }, lossText(version.report.evaluation)),
      h("span", { class: "muted small" }, time(version.created_at)),
    ),
    h(
      "div",
      { class: "inside" },
      verdict ? h("ul", { class: "reasons" }, verdict.reasons.map((reason) => h("li", {}, reason))) : null,
      charts(version),
      suiteSection(version, acts),
      facts(version),
      h(
        "div",
        { class: "row" },
        version.active ? null : h("button", { type: "button", id: `promote-${version.label}`, onclick: () => acts.promote(version) }, `Let ${version.label} answer`),
        h("button", { type: "button", id: `download-${version.label}`, onclick: () => acts.download(version) }, "Download as PEFT folder"),
      ),
    ),
  );
}

function lossText(evaluation) {
  if (!evaluation) return "";
  return `loss ${figure(evaluation.train_loss_before)} → ${figure(evaluation.train_loss_after)}`;
}

function charts(version) {
  const evaluation = version.report.evaluation;
  if (!evaluation) return null;
  const unseen = evaluation.held_out_loss_base === null || evaluation.held_out_loss_proof === null;
  return h(
    "div",
    { class: "charts" },
    unseen ? null : beforeAfter("Loss on unseen rows", `Better on ${evaluation.held_out_wins} of ${plural(evaluation.held_out_comparisons ?? evaluation.held_out_rows, "held-out comparison")}${bySum(evaluation)}; lower is better.`, evaluation.held_out_loss_base, evaluation.held_out_loss_proof, version.label),
    beforeAfter("Loss on its own rows", `${plural(evaluation.steps, "step")} of training; lower is better.`, evaluation.train_loss_before, evaluation.train_loss_after, version.label),
  );
}

function bySum({ held_out_wins, held_out_wins_by_sum = held_out_wins }) {
  return held_out_wins_by_sum === held_out_wins ? "" : ` (${held_out_wins_by_sum} where length counts)`;
}

function beforeAfter(title, note, before, after, label) {
  return bars(title, note, [
    { label: "base model", value: before, text: figure(before) },
    { label, value: after, text: figure(after), isAfter: true },
  ]);
}

function facts(version) {
  const evaluation = version.report.evaluation ?? {};
  const usage = version.report.usage ?? {};
  const rows = [
    ["Parent", version.parent ?? "none: trained from the base"],
    ["Rules", (version.report.rules ?? []).join(" ") || null],
    ["Fitting", (version.report.fitting?.sentences ?? []).join(" ") || null],
    ["Made", `${time(version.created_at)} by ${version.created_by}`],
    ["Size", size(version.size_bytes)],
    ["Drift from the base", evaluation.anchor_kl === undefined ? null : `${figure(evaluation.anchor_kl, 3)} nats per token`],
    ["Looping replies", besideBase(evaluation.repetition_candidate, evaluation.repetition_base)],
    ["Replies alike", besideBase(evaluation.collapse_candidate, evaluation.collapse_base)],
    ["Replies that say the prompt", besideBase(evaluation.parroting_candidate, evaluation.parroting_base)],
    ["Empty replies", besideBase(evaluation.silence_candidate, evaluation.silence_base)],
    ["Trained parameters", usage.trainable_share === undefined ? null : percent(usage.trainable_share, 2)],
    ["Device", usage.device === undefined ? null : `${usage.device}, ${duration(usage.device_seconds)}`],
    ["Peak memory", usage.peak_memory_bytes ? size(usage.peak_memory_bytes) : null],
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
    rows.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value === 0 ? "0" : value))),
  );
}

function besideBase(share, ofBase) {
  return share === undefined || share === null ? null : `${percent(share)} (base ${percent(ofBase)})`;
}

function percent(share, digits = 0) {
  return `${(share * 100).toFixed(digits)} %`;
}

function mono(text) {
  return h("span", { class: "mono", title: text }, text.length > 20 ? `${text.slice(0, 16)}…` : text);
}
