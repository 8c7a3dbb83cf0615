// The card of the user's model: what it has learned, and how a training is going.

import { call, download } from "../shared/api.js";
import { button, h, put } from "../shared/dom.js";
import { adapterBadge, formatPercent, plural } from "../shared/format.js";

const OPEN = ["queued", "running"];
const IDLE_MS = 20000;
const TRAINING_MS = 2000;
const LIST = new Intl.ListFormat("en-GB");

/**
 * Shows `/v1/me` in `element` and keeps it up to date. Calls `onChange(me, before)` after each
 * request and `onError(error)` after each one that failed.
 */
export class ModelCard {
  constructor(element, { onChange, onError }) {
    this.element = element;
    this.onChange = onChange;
    this.onError = onError;
    this.me = null;
    this.timer = 0;
    this.round = 0;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.me) this.refresh();
    });
  }

  /** Shows this answer, and asks the server again later: more often during a training. */
  begin(me) {
    this.#take(me);
    this.#wait();
  }

  /** Asks the server now, and again later. */
  async refresh() {
    clearTimeout(this.timer);
    this.round += 1;
    const { round } = this;
    try {
      const me = await call("GET", "/v1/me");
      if (round !== this.round) return; // a later request or a sign-out replaced this one
      this.#take(me);
    } catch (error) {
      if (round !== this.round) return;
      this.onError(error);
      if (error.status === 401) return;
    }
    this.#wait();
  }

  #take(me) {
    const before = this.me;
    this.me = me;
    this.#show();
    this.onChange(me, before);
  }

  #wait() {
    const wait = isTraining(this.me) ? TRAINING_MS : IDLE_MS;
    if (!document.hidden) this.timer = setTimeout(() => this.refresh(), wait);
  }

  #show() {
    const { me } = this;
    const run = me.training;
    put(
      this.element,
      h(
        "div",
        { class: "row spread" },
        h("strong", { id: "who" }, me.user.name),
        h("span", { id: "adapter" }, adapterBadge(me.adapter)),
      ),
      h("p", { id: "learned" }, me.withdrawn ?? learnedText(me)),
      me.frozen && !me.withdrawn
        ? h("p", { class: "muted small" }, "An admin froze your model: it answers but learns nothing new.")
        : null,
      teacherLines(me.learned.teacher),
      this.#organisation(me.organisation),
      samplesSection(me.learned.samples),
      ...runLines(run, me.next_training),
      nextLine(me),
      me.is_admin
        ? button("Learn now", () => this.#train(), { id: "learn", disabled: isTraining(me) || me.frozen })
        : null,
    );
  }

  /** What the user wants of the organisation's adapter. */
  #organisation({ is_on: isOn, shares, uses, version }) {
    if (!isOn) return null;
    const choice = (name, isChosen, label) =>
      h(
        "label",
        { class: "choice" },
        h("input", {
          type: "checkbox",
          id: `organisation-${name}`,
          checked: isChosen,
          onchange: (event) => this.#choose({ [name]: event.target.checked }),
        }),
        label,
      );
    return h(
      "fieldset",
      { class: "small", id: "organisation" },
      h("legend", {}, version ? `Organisation (${version})` : "Organisation"),
      choice("uses", uses, "Answer me with what the organisation’s model learned"),
      choice("shares", shares, "Let it learn from my feedback; others may read that in its replies"),
    );
  }

  async #choose(choice) {
    try {
      await call("PUT", "/v1/me/organisation", { body: choice });
    } catch (error) {
      this.onError(error);
    }
    await this.refresh();
  }

  async #train() {
    try {
      await call("POST", `/v1/admin/adapters/${encodeURIComponent(this.me.user.id)}/train`);
    } catch (error) {
      this.onError(error);
    }
    await this.refresh();
  }
}

export function isTraining(me) {
  return Boolean(me?.training) && OPEN.includes(me.training.status);
}

function learnedText(me) {
  const { examples, feedback, corrections } = me.learned;
  if (feedback > 0) return `Learned from ${listFeedback(corrections, feedback - corrections)}.`;
  if (examples > 0) return "You have changed or withdrawn the feedback that it learned from.";
  if (me.adapter !== "base") return "Imported: it has learned nothing from you.";
  const given = listFeedback(me.counts.corrections, me.counts.liked + me.counts.pairs);
  return given ? `${given} so far, not learned from yet.` : "Nothing learned yet. Rate or correct a few replies.";
}

function listFeedback(corrections, ratings) {
  const parts = [
    ...(corrections > 0 ? [plural(corrections, "correction")] : []),
    ...(ratings > 0 ? [plural(ratings, "rating")] : []),
  ];
  return LIST.format(parts);
}

const TAUGHT_BY = {
  rules: "It learned the rules of your edits.",
  demonstrations: "It learned from what you wrote, as the base answers with it in its prompt.",
  "preference model": "It learned what the replies that you liked have in common.",
};

function teacherLines(teacher) {
  if (!teacher || !TAUGHT_BY[teacher.kind]) return null;
  return h("p", { class: "muted small", id: "teacher", title: teacher.sentence }, TAUGHT_BY[teacher.kind]);
}

/** Replies of the base, of memory and of the version, and what the user wrote, side by side. */
function samplesSection(samples) {
  if (!samples?.length) return null;
  return h(
    "details",
    { class: "small", id: "samples" },
    h("summary", {}, "Before and after"),
    samples.map((sample) =>
      h(
        "section",
        {},
        h("p", {}, h("strong", {}, sample.prompt)),
        h(
          "dl",
          { class: "facts" },
          [
            ["Base model", sample.base],
            ["With memory", sample.memory],
            ["Your model", sample.candidate],
            ["You wrote", sample.wanted],
          ]
            .filter(([, text]) => text !== null)
            .map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text || "(empty)"))),
        ),
      ),
    ),
  );
}

/** When the next training starts. */
function nextLine({ next_training: next, training, frozen }) {
  if (frozen || OPEN.includes(training?.status)) return null;
  return h("p", { class: "muted small", id: "next" }, whenTraining(next));
}

function whenTraining({ new_feedback: given, needed, automatic, due, reason }) {
  const items = `${given} new ${given === 1 ? "item" : "items"} of feedback`;
  if (!automatic) return `An admin starts trainings here.${given ? ` You have ${items}.` : ""}`;
  if (due) return "The next training starts soon.";
  if (given < needed) return `Training starts at ${needed} new items of feedback; you have ${given}.`;
  return `Next training: ${reason}.`;
}

/** How long a training still takes, or what it waits for. */
function remaining(run, { runs_ahead: ahead, seconds_left: seconds }) {
  if (run.status === "queued") return ahead > 0 ? `waits for ${plural(ahead, "other training")}` : "starts soon";
  if (seconds === null) return "";
  return seconds < 60 ? "less than a minute left" : `about ${Math.round(seconds / 60)} min left`;
}

function runLines(run, next) {
  if (!run) return [];
  if (OPEN.includes(run.status)) {
    const left = remaining(run, next);
    return [
      h(
        "div",
        { class: "progress", id: "training" },
        h(
          "div",
          { class: "row spread small muted" },
          h("span", {}, run.progress.phase),
          h("span", {}, formatPercent(run.progress.fraction)),
        ),
        left && h("p", { class: "small muted", id: "left" }, left),
        h("progress", { max: 1, value: run.progress.fraction, "aria-label": "Training" }),
      ),
    ];
  }
  if (run.status === "promoted" || !run.reason) return [];
  return [h("p", { class: "muted small" }, `Last training: ${run.status}. ${run.reason}`)];
}

/** One sentence about how a run ended. */
export function outcome(run) {
  if (run.status === "promoted") return `Your model has learned: ${run.version} answers from now on.`;
  return `The training changed nothing: ${run.reason || run.status}`;
}

/** Saves everything that the server stores about the user. */
export function exportData(me) {
  return download("/v1/me/export", `loralei-${me.user.name}`);
}
