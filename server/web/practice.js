// Practice that the model proposes: asking for it, how the writing goes, how much waits.

import { call } from "./api.js";
import { h, put } from "./dom.js";
import { plural } from "./format.js";
import { ProposalList } from "./proposals.js";

const AGAIN_MS = 2000;
const COUNT = 20;
const OPEN = ["queued", "running"];

/**
 * Keeps `element` up to date with `/v1/me/practice`; `onError(error)` hears of what went wrong,
 * `onDecided()` of every decision.
 */
export class Practice {
  constructor(element, { onError, onDecided }) {
    this.element = element;
    this.onError = onError;
    this.onDecided = onDecided;
    this.timer = null;
    this.round = 0;
  }

  /** Asks the server now, and again soon while proposals are being written. */
  async refresh() {
    clearTimeout(this.timer);
    this.round += 1;
    const { round } = this;
    try {
      const { counts, generation } = await call("GET", "/v1/me/practice?limit=1");
      if (round !== this.round) return; // asked again, or signed out, meanwhile
      this.#show(counts.proposed, generation);
      if (OPEN.includes(generation.status)) this.timer = setTimeout(() => this.refresh(), AGAIN_MS);
    } catch (error) {
      if (round === this.round) this.onError(error);
    }
  }

  /** Shows nothing, and asks no more until `refresh` is called. */
  clear() {
    clearTimeout(this.timer);
    this.round += 1;
    put(this.element);
  }

  #show(waiting, generation) {
    const isOpen = OPEN.includes(generation.status);
    put(
      this.element,
      h("h3", { class: "small", id: "practice-title" }, "Practice"),
      isOpen ? progress(generation) : note(generation),
      h(
        "div",
        { class: "row" },
        isOpen
          ? h("button", { type: "button", id: "practice-cancel", onclick: () => this.#send("/v1/me/practice/cancel") }, "Stop")
          : h("button", { type: "button", id: "propose", onclick: () => this.#send("/v1/me/practice", { body: { count: COUNT } }) }, "Propose practice"),
        waiting > 0 && h("button", { type: "button", class: "primary", id: "proposals", onclick: () => this.#decide() }, `Decide on ${waiting}`),
      ),
    );
  }

  async #send(path, options) {
    try {
      await call("POST", path, options);
    } catch (error) {
      this.onError(error);
    }
    await this.refresh();
  }

  #decide() {
    new ProposalList({
      onDecided: () => {
        this.refresh();
        this.onDecided();
      },
    }).open();
  }
}

function progress({ status, proposed, wanted }) {
  return h(
    "div",
    { class: "progress" },
    h("div", { class: "row spread small muted" }, h("span", {}, status === "queued" ? "waiting in line" : "writing proposals"), h("span", {}, `${proposed} of ${wanted}`)),
    h("progress", { max: wanted, value: proposed, "aria-label": "Proposals" }),
  );
}

/** One sentence on how the writing ended, where there is something to say. */
function note({ status, reason, proposed, wanted, written }) {
  if (status === "failed") return h("p", { class: "muted small" }, reason);
  if (status !== "done" || proposed === wanted) return null;
  return h("p", { class: "muted small" }, `${plural(proposed, "proposal")} of ${wanted}: what else was written (${written} in all) was not fit to show.`);
}
