// Proposals of the model: asks for them, shows the progress, opens the list to decide on.

import { call } from "../shared/api.js";
import { button, h, put } from "../shared/dom.js";
import { plural } from "../shared/format.js";
import { ProposalList } from "./proposal_list.js";

const AGAIN_MS = 2000;
const COUNT = 20;
const OPEN = ["queued", "running"];

/**
 * Shows the state of `/v1/me/proposals` in `element`. Calls `onError(error)` when a request fails
 * and `onDecided()` after every decision.
 */
export class Proposals {
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
      const { counts, progress } = await call("GET", "/v1/me/proposals?limit=1");
      if (round !== this.round) return; // a later request or a sign-out replaced this one
      this.#show(counts.proposed, progress);
      if (OPEN.includes(progress.status)) this.timer = setTimeout(() => this.refresh(), AGAIN_MS);
    } catch (error) {
      if (round === this.round) this.onError(error);
    }
  }

  /** Shows nothing and asks no more until `refresh` is called. */
  clear() {
    clearTimeout(this.timer);
    this.round += 1;
    put(this.element);
  }

  #show(waiting, state) {
    const isOpen = OPEN.includes(state.status);
    put(
      this.element,
      h("h3", { class: "small" }, "Proposals"),
      isOpen ? progress(state) : note(state),
      h(
        "div",
        { class: "row" },
        isOpen
          ? button("Stop", () => this.#send("/v1/me/proposals/cancel"), { id: "cancel-proposals" })
          : button("Propose examples", () => this.#send("/v1/me/proposals", { body: { count: COUNT } }), {
              id: "propose",
            }),
        waiting > 0 && button(`Decide on ${waiting}`, () => this.#decide(), { class: "primary", id: "decide" }),
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
    h(
      "div",
      { class: "row spread small muted" },
      h("span", {}, status === "queued" ? "queued" : "writing proposals"),
      h("span", {}, `${proposed} of ${wanted}`),
    ),
    h("progress", { max: wanted, value: proposed, "aria-label": "Proposals" }),
  );
}

/** One sentence about how the writing ended, if there is anything to say. */
function note({ status, reason, proposed, wanted, written }) {
  if (status === "failed") return h("p", { class: "muted small" }, reason);
  if (status !== "done" || proposed === wanted) return null;
  return h(
    "p",
    { class: "muted small" },
    `${plural(proposed, "proposal")} of ${wanted}. The model wrote ${written}; the others were not usable.`,
  );
}
