// The rules that the user's feedback shows; the user can keep or drop each one.

import { call } from "../shared/api.js";
import { h, iconButton, put } from "../shared/dom.js";

const AGAIN_MS = 2000;
const NOT_READY = "rules_are_not_ready";

/** Shows `/v1/me/rules` in `element`; calls `onError(error)` when a request fails. */
export class RuleList {
  constructor(element, { onError }) {
    this.element = element;
    this.onError = onError;
    this.timer = 0;
    this.round = 0;
  }

  /** Asks the server now, and again soon if the rules are not ready. */
  async refresh() {
    clearTimeout(this.timer);
    this.round += 1;
    const { round } = this;
    try {
      const { data } = await call("GET", "/v1/me/rules");
      if (round === this.round) this.#show(data);
    } catch (error) {
      if (round !== this.round) return; // a later request or a sign-out replaced this one
      if (error.code === NOT_READY) this.timer = setTimeout(() => this.refresh(), AGAIN_MS);
      else this.onError(error);
    }
  }

  #show(rules) {
    put(
      this.element,
      rules.length > 0 && h("h3", { class: "small", id: "rules-title" }, "Rules from your feedback"),
      rules.length > 0 &&
        h(
          "ul",
          { class: "small", "aria-labelledby": "rules-title" },
          rules.map((rule) => this.#entry(rule)),
        ),
    );
  }

  #entry(rule) {
    return h(
      "li",
      { class: rule.status },
      h("span", {}, rule.sentence),
      this.#toggle(rule, "pinned", "pin", "Always keep this rule"),
      this.#toggle(rule, "dropped", "close", "Drop this rule"),
    );
  }

  /** A button that makes a decision; pressing it again takes the decision back. */
  #toggle(rule, status, drawing, label) {
    const isPressed = rule.status === status;
    return iconButton(drawing, `${label}: ${rule.sentence}`, () => this.#decide(rule, isPressed ? null : status), {
      id: `${status}-${rule.id}`,
      title: label,
      "aria-pressed": String(isPressed),
    });
  }

  async #decide(rule, status) {
    const path = `/v1/me/rules/${encodeURIComponent(rule.id)}`;
    try {
      await (status ? call("PUT", path, { body: { status } }) : call("DELETE", path));
    } catch (error) {
      this.onError(error);
    }
    await this.refresh();
  }
}
