// The rules behind the user's judgements, each with what the user can decide about it.

import { call } from "./api.js";
import { h, iconButton, put } from "./dom.js";

const AGAIN_MS = 2000;
const NOT_READY = "rules_are_not_ready";

/** Keeps `element` up to date with `/v1/me/rules`; `onError(error)` hears of what went wrong. */
export class RuleList {
  constructor(element, { onError }) {
    this.element = element;
    this.onError = onError;
    this.timer = null;
    this.round = 0;
  }

  /** Asks the server now, and again soon while it still compares them. */
  async refresh() {
    clearTimeout(this.timer);
    this.round += 1;
    const { round } = this;
    try {
      const { data } = await call("GET", "/v1/me/rules");
      if (round === this.round) this.#show(data);
    } catch (error) {
      if (round !== this.round) return; // asked again, or signed out, meanwhile
      if (error.code === NOT_READY) this.timer = setTimeout(() => this.refresh(), AGAIN_MS);
      else this.onError(error);
    }
  }

  /** Shows nothing, and asks no more until `refresh` is called. */
  clear() {
    clearTimeout(this.timer);
    this.round += 1;
    put(this.element);
  }

  #show(rules) {
    put(
      this.element,
      rules.length > 0 && h("h3", { class: "small", id: "rules-title" }, "Rules from your judgements"),
      rules.length > 0 && h("ul", { class: "small", "aria-labelledby": "rules-title" }, rules.map((rule) => this.#entry(rule))),
    );
  }

  #entry(rule) {
    return h(
      "li",
      { class: rule.status },
      h("span", {}, rule.sentence),
      this.#toggle(rule, "pinned", "pin", "Keep, whatever I judge"),
      this.#toggle(rule, "dropped", "close", "Drop, never practise this"),
    );
  }

  /** A button that makes a decision, and takes it back when it is pressed again. */
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
