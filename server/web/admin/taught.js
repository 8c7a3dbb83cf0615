// What a version was taught: rules, examples, ancestors, and replies side by side.

import { call } from "../shared/api.js";
import { button, h, put } from "../shared/dom.js";
import { formatNumber, formatTime, plural, statusBadge, table } from "../shared/format.js";

const MAX_PROMPT = 4000;
const SHOWN = 20;

/** A section that loads what was taught when it is opened. `path` is the version's. */
export function taughtSection(version, { path, versions, onError }) {
  const inside = h("div", { class: "section" }, h("p", { class: "muted" }, "Loading…"));
  let isAsked = false;
  const load = async (event) => {
    if (!event.target.open || isAsked) return;
    isAsked = true;
    try {
      const taught = await call("GET", `${path}/taught`);
      put(
        inside,
        teacher(version.report.teacher),
        rules(taught),
        examples(taught),
        samples(taught.samples, version.label),
        lineage(taught.lineage, version),
        difference(version, versions),
      );
    } catch (error) {
      isAsked = false;
      event.target.open = false;
      onError(error);
    }
  };
  return h(
    "details",
    { class: "part", ontoggle: load, "data-part": `taught-${version.label}` },
    h("summary", {}, "What it was taught"),
    inside,
  );
}

function part(title, ...children) {
  return h("section", { class: "section" }, h("h3", {}, title), children);
}

function teacher(chosen) {
  return chosen
    ? part("Teacher", h("p", {}, `${chosen.kind.charAt(0).toUpperCase()}${chosen.kind.slice(1)}. ${chosen.sentence}`))
    : null;
}

function rules({ rules: found }) {
  if (found.length === 0) return null;
  const shown = (value) => (value === null ? "–" : String(value));
  return part(
    "Rules",
    table(
      [{ text: "Rule" }, { text: "Shown by", isNumber: true }, { text: "Against", isNumber: true }],
      found.map((rule) => [rule.sentence, shown(rule.support), shown(rule.against)]),
    ),
  );
}

function examples({ examples: found, other_examples: others }) {
  const note = others ? `${plural(others, "more example")} came from the base model, or the feedback is gone.` : null;
  const rows = found.map((each) => [
    h("span", { class: "text" }, each.prompt),
    h("span", { class: "text" }, each.reply),
    `${each.source}, ${each.kind}`,
    each.accepted ? "accepted" : [h("span", { class: "badge warn" }, each.reason), " ", each.why],
    formatTime(each.feedback_at),
  ]);
  const headings = [
    ...["Prompt", "Reply", "From", "The filters now"].map((text) => ({ text })),
    { text: "Given", isTime: true },
  ];
  return part(
    `Examples (${found.length + others})`,
    note ? h("p", { class: "muted small" }, note) : null,
    rows.length ? table(headings, rows.slice(0, SHOWN)) : null,
    rows.length > SHOWN
      ? h(
          "details",
          {},
          h("summary", {}, `${plural(rows.length - SHOWN, "more example")}`),
          table(headings, rows.slice(SHOWN)),
        )
      : null,
  );
}

function samples(found, label) {
  if (found.length === 0) return null;
  return part(
    "Replies side by side",
    found.map((sample) =>
      replies(sample.prompt, [
        ["Base model", sample.base],
        ["Base with memory", sample.memory],
        [label, sample.candidate],
        ["The user wrote", sample.wanted],
      ]),
    ),
  );
}

/** One prompt with the replies to it, [who, text]; those without a text are left out. */
function replies(prompt, texts) {
  return h(
    "figure",
    { class: "card side" },
    h("figcaption", { class: "text" }, prompt),
    h(
      "dl",
      { class: "replies" },
      texts
        .filter(([, text]) => text !== null && text !== undefined)
        .map(([who, text]) => h("div", {}, h("dt", {}, who), h("dd", { class: "text" }, text || "(empty)"))),
    ),
  );
}

function lineage(ancestors, version) {
  const start = version.report.fit?.start;
  return part(
    "Lineage",
    h(
      "ol",
      { class: "lineage" },
      h("li", {}, "base model"),
      [...ancestors]
        .reverse()
        .map((each) =>
          h(
            "li",
            { "aria-current": each.label === version.label ? "true" : null },
            h("strong", {}, each.label),
            " ",
            each.is_deleted
              ? h("span", { class: "muted small" }, "deleted")
              : [
                  each.outcome ? statusBadge(each.outcome) : null,
                  h("span", { class: "muted small" }, ` ${plural(each.examples, "example")}`),
                ],
          ),
        ),
    ),
    h(
      "p",
      { class: "muted small" },
      start === null || start === undefined
        ? "Its weights were trained from the base model."
        : `Its weights were trained from those of v${start}.`,
    ),
  );
}

function difference(version, versions) {
  const others = versions.filter((other) => other.label !== version.label);
  if (others.length === 0) return null;
  const result = h("div", {});
  const show = (label) => {
    put(
      result,
      differenceTable(
        others.find((other) => other.label === label),
        version,
      ),
    );
  };
  const first = others.find((other) => other.label === version.parent) ?? others[0];
  show(first.label);
  return part(
    "Difference",
    h(
      "label",
      { class: "inline" },
      `${version.label} compared with`,
      h(
        "select",
        { onchange: (event) => show(event.target.value) },
        others.map(({ label }) => h("option", { value: label, selected: label === first.label }, label)),
      ),
    ),
    result,
  );
}

function differenceTable(before, after) {
  const measures = (version) =>
    new Map((version.report.verdict?.measures ?? []).map((measure) => [measure.name, measure.candidate]));
  const [had, has] = [before, after].map(measures);
  const sentences = (version) => new Set((version.report.rules ?? []).map((rule) => rule.sentence));
  const [oldRules, newRules] = [before, after].map(sentences);
  const [oldIds, newIds] = [before, after].map((version) => new Set(version.example_ids));
  const only = (these, those) => [...these].filter((each) => !those.has(each));
  const listed = (found) => (found.length ? found.join(" ") : "none");
  const number = (value) => formatNumber(value, 3);
  const rows = [
    [
      "Examples",
      String(oldIds.size),
      String(newIds.size),
      `${only(newIds, oldIds).length} new, ${only(oldIds, newIds).length} gone`,
    ],
    [
      "Rules",
      String(oldRules.size),
      String(newRules.size),
      `new: ${listed(only(newRules, oldRules))}; gone: ${listed(only(oldRules, newRules))}`,
    ],
    ...[...new Set([...had.keys(), ...has.keys()])].map((name) => {
      const [one, other] = [had.get(name), has.get(name)];
      const change = one === undefined || other === undefined ? "–" : `${other > one ? "+" : ""}${number(other - one)}`;
      return [name, number(one), number(other), change];
    }),
  ];
  return table([{ text: "What" }, { text: before.label }, { text: after.label }, { text: "Change" }], rows);
}

/** A form that asks the base, memory, the parent and the version the same. */
export function compareSection(version, { path, onError }) {
  const results = h("div", { class: "section", "aria-live": "polite" });
  const prompt = h("textarea", { rows: 2, maxlength: MAX_PROMPT, required: true, id: `prompt-${version.label}` });
  const ask = h("button", {}, "Ask");
  const submit = async (event) => {
    event.preventDefault();
    ask.disabled = true;
    try {
      const answer = await call("POST", `${path}/compare`, { body: { prompt: prompt.value } });
      const names = { base: "Base model", memory: "Base with memory" };
      put(
        results,
        replies(
          answer.prompt,
          answer.replies.map(({ by, content }) => [names[by] ?? by, content]),
        ),
      );
    } catch (error) {
      onError(error);
    } finally {
      ask.disabled = false;
    }
  };
  return h(
    "details",
    { class: "part", "data-part": `compare-${version.label}` },
    h("summary", {}, "Ask it something"),
    h(
      "form",
      { class: "section", onsubmit: submit },
      h("label", {}, "Prompt", prompt),
      h(
        "div",
        { class: "row" },
        ask,
        button("Clear", () => put(results), { class: "quiet" }),
        h("span", { class: "muted small" }, "Neither the prompt nor the replies are stored or learned from."),
      ),
    ),
    results,
  );
}
