// What the user's model has learned, and how a training of it is going.

import { call, download } from "./api.js";
import { h, put } from "./dom.js";
import { plural } from "./format.js";

const OPEN = ["queued", "running"];
const IDLE_MS = 20000;
const TRAINING_MS = 1000;

/**
 * Keeps a card up to date with `/v1/me`. `onChange(me, before)` hears of every answer,
 * `onError(error)` of what went wrong, again and again while it lasts.
 */
export class ModelCard {
  constructor(element, { onChange, onError }) {
    this.element = element;
    this.onChange = onChange;
    this.onError = onError;
    this.me = null;
    this.timer = null;
    this.round = 0;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.me) this.refresh();
    });
  }

  /** Asks the server now, and again later: often while a training is open. */
  async refresh() {
    clearTimeout(this.timer);
    this.round += 1;
    const { round } = this;
    try {
      const before = this.me;
      const me = await call("GET", "/v1/me");
      if (round !== this.round) return; // asked again, or signed out, meanwhile
      this.me = me;
      this.#show();
      this.onChange(this.me, before);
    } catch (error) {
      if (round !== this.round) return;
      this.onError(error);
      if (error.status === 401) return;
    }
    const wait = isTraining(this.me) ? TRAINING_MS : IDLE_MS;
    if (!document.hidden) this.timer = setTimeout(() => this.refresh(), wait);
  }

  /** Asks no more until `refresh` is called. */
  stop() {
    clearTimeout(this.timer);
    this.round += 1;
    this.me = null;
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
        h("span", { class: me.adapter === "base" ? "badge" : "badge accent", id: "adapter" }, me.adapter === "base" ? "base model" : me.adapter),
      ),
      h("p", { id: "learned" }, learnedText(me)),
      me.frozen ? h("p", { class: "muted small" }, "Frozen by an admin: it answers, but learns nothing new.") : null,
      ...runLines(run),
      me.is_admin ? h("button", { type: "button", id: "learn", disabled: isTraining(me) || me.frozen, onclick: () => this.#train() }, "Learn now") : null,
    );
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
  const { rows, judgements, corrections, practice } = me.learned;
  if (judgements + practice > 0) return `Learned from ${judged(corrections, judgements - corrections, practice)}.`;
  if (rows > 0) return "What it learned from was changed or withdrawn since.";
  if (me.adapter !== "base") return "Made elsewhere: it learned nothing from you.";
  const told = judged(me.counts.corrections, me.counts.liked + me.counts.pairs);
  return told ? `${told} so far, not learned from yet.` : "Nothing learned yet. Judge a few replies and it will be.";
}

function judged(corrections, others, practice = 0) {
  const parts = [
    corrections > 0 && plural(corrections, "correction"),
    others > 0 && plural(others, "other judgement"),
    practice > 0 && plural(practice, "approved proposal"),
  ];
  return parts.filter(Boolean).join(" and ");
}

function runLines(run) {
  if (!run) return [];
  if (OPEN.includes(run.status)) {
    const percent = Math.round(run.progress.fraction * 100);
    return [
      h(
        "div",
        { class: "progress", id: "training" },
        h("div", { class: "row spread small muted" }, h("span", {}, run.progress.phase), h("span", {}, `${percent} %`)),
        h("progress", { max: 1, value: run.progress.fraction, "aria-label": "Training" }),
      ),
    ];
  }
  if (run.status === "promoted" || !run.reason) return [];
  return [h("p", { class: "muted small" }, `Last training: ${run.status}. ${run.reason}`)];
}

/** One sentence on how a run ended. */
export function outcome(run) {
  if (run.status === "promoted") return `Your model has learned: ${run.version} answers from now on.`;
  return `The training ended without a change: ${run.reason || run.status}`;
}

/** Saves everything the server keeps of the user. */
export function exportMine(me) {
  return download("/v1/me/export", `loralei-${me.user.name}`);
}
