// One reply of the model: its text, who wrote it, and buttons for feedback. This file draws it;
// `actions`, from the thread, does the work.

import { copy } from "../shared/dialogs.js";
import { autosize, button, focused, h, iconButton } from "../shared/dom.js";
import { plural } from "../shared/format.js";
import { isComplete } from "./completion.js";
import { renderMarkdown } from "../text/markdown.js";
import { Reasoning } from "./reasoning.js";
import { activeVariant, textOf } from "./tree.js";

const REASONS = [
  ["inaccurate", "Not true"],
  ["not_matched", "Not what I asked"],
  ["bad_style", "Wrong style"],
  ["too_long", "Too long"],
  ["other", "Something else"],
];

const ENDINGS = {
  length: "The reply reached the length limit.",
  thinking: "The model reached the length limit while it was thinking.",
  stopped: "This reply was stopped. Your model does not learn from it.",
};

/** Draws a reply in `element`. Call `show()` after every change of the question's replies. */
export class Reply {
  constructor(question, actions) {
    this.question = question;
    this.actions = actions;
    this.mode = "read";
    this.showsReasoning = false;
    this.element = h("article", { class: "turn reply", "aria-label": "Reply" });
    this.show();
  }

  /** Draws the reply again. The focused button keeps the focus. */
  show(mode = this.mode) {
    this.mode = mode;
    const before = focused();
    const action = this.element.contains(before) ? before?.dataset.action : null;
    const variant = activeVariant(this.question);
    this.wasOld = this.#isOld();
    this.element.replaceChildren(...this.#body(variant));
    if (action) this.element.querySelector(`[data-action="${action}"]`)?.focus();
    if (mode === "explain" || mode === "edit") {
      requestAnimationFrame(() => this.element.querySelector("form").scrollIntoView({ block: "nearest" }));
    }
  }

  /** Draws the reply again if it has become old, or is no longer. */
  refresh() {
    if (this.mode === "read" && this.wasOld !== this.#isOld()) this.show();
  }

  /** Whether a new reply may be better by what was learned since. What was judged is left alone. */
  #isOld() {
    const variant = activeVariant(this.question);
    return Object.keys(variant.feedback ?? {}).length === 0 && this.actions.isOld(variant);
  }

  #body(variant) {
    if (this.mode === "pick") return [this.#pair()];
    if (this.mode === "edit") return [this.#label(variant), this.#editor(variant)];
    return [
      this.#label(variant),
      this.#reasoning(variant),
      h("div", { class: "text" }, renderMarkdown(textOf(variant))),
      this.#ending(variant),
      this.#buttons(variant),
      this.mode === "explain" ? this.#explain(variant) : null,
    ].filter(Boolean);
  }

  #label(variant) {
    const { variants, active } = this.question;
    return h(
      "header",
      { class: "reply-label" },
      h("span", { class: variant.adapter === "base" ? "badge" : "badge accent" }, writtenBy(variant)),
      variant.feedback?.correction ? h("span", { class: "badge good" }, "corrected by you") : null,
      variant.feedback?.preferred_over ? h("span", { class: "badge good" }, "your pick") : null,
      variants.length > 1 && this.mode === "read" ? this.#pager(active, variants.length) : null,
    );
  }

  #reasoning({ reasoning }) {
    if (!reasoning) return null;
    const drawn = new Reasoning({ isOpen: this.showsReasoning, onToggle: (isOpen) => (this.showsReasoning = isOpen) });
    drawn.show(reasoning);
    return drawn.element;
  }

  #pager(active, count) {
    const turnTo = (index) => this.actions.turnTo(this, index);
    return h(
      "span",
      { class: "pager" },
      iconButton("left", "Earlier reply", () => turnTo(active - 1), { disabled: active === 0, "data-action": "left" }),
      h("span", {}, `${active + 1} of ${count}`),
      iconButton("right", "Later reply", () => turnTo(active + 1), {
        disabled: active === count - 1,
        "data-action": "right",
      }),
    );
  }

  #ending(variant) {
    if (variant.ending === "error") return h("p", { class: "notice", role: "alert" }, variant.error);
    const ending = variant.ending === "length" && variant.reasoning && !variant.text ? "thinking" : variant.ending;
    const notes = [
      variant.feedback?.correction ? null : ENDINGS[ending],
      overrideNote(variant),
      shorteningNote(variant),
      variant.notStored,
    ].filter(Boolean);
    return notes.length ? h("p", { class: "muted small" }, notes.join(" ")) : null;
  }

  #buttons(variant) {
    const { actions } = this;
    const actionButton = (name, label, onclick, /** @type {boolean | null} */ pressed = null) =>
      iconButton(name, label, onclick, {
        "data-action": name,
        "aria-pressed": pressed === null ? null : String(pressed),
      });
    const again = actionButton("again", "Write another reply", () => actions.again(this));
    if (!isComplete(variant)) return h("div", { class: "actions" }, again);
    const value = variant.feedback?.value;
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": "Rate this reply" },
      actionButton("up", "Good reply", () => actions.rate(this, value === "up" ? null : "up"), value === "up"),
      actionButton("down", "Bad reply", () => actions.rate(this, value === "down" ? null : "down"), value === "down"),
      actionButton("edit", "Correct this reply", () => this.show("edit")),
      value === "down"
        ? actionButton(
            "comment",
            "Say what was wrong",
            () => this.show(this.mode === "explain" ? "read" : "explain"),
            this.mode === "explain",
          )
        : null,
      again,
      variant.adapter === "base" && !hasMemory(variant)
        ? null
        : actionButton("compare", "Compare with the base model", () => actions.compare(this)),
      actionButton("copy", "Copy", () => copy(textOf(variant))),
      this.#isOld()
        ? button("Try again with what was learned", () => actions.retry(this), {
            "data-action": "retry",
            class: "quiet",
          })
        : null,
      variant.note ? h("span", { class: "saved", role: "status" }, variant.note) : null,
    );
  }

  #editor(variant) {
    const field = h("textarea", { rows: 2, dir: "auto", "aria-label": "The reply as it should have been" });
    field.value = textOf(variant);
    autosize(field);
    const notice = h("p", { class: "notice", role: "alert", hidden: true });
    const submit = async (event) => {
      event.preventDefault();
      notice.textContent = await this.actions.correct(this, field.value);
      notice.hidden = !notice.textContent;
    };
    const form = h(
      "form",
      { class: "panel", onsubmit: submit },
      h(
        "p",
        { class: "muted small" },
        "Write the reply as it should have been. Your model learns to answer like this.",
      ),
      field,
      notice,
      h(
        "div",
        { class: "row" },
        h("button", { class: "primary" }, "Save correction"),
        button("Cancel", () => this.show("read")),
        variant.feedback?.correction
          ? button("Restore the original", () => this.actions.correct(this, null), { class: "quiet" })
          : null,
      ),
    );
    form.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") this.show("read");
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    requestAnimationFrame(() => field.focus());
    return form;
  }

  #explain(variant) {
    let reason = variant.feedback?.reason ?? null;
    const field = h("textarea", {
      rows: 2,
      maxlength: 4000,
      "aria-label": "Comment",
      placeholder: "What should be different next time?",
    });
    field.value = variant.feedback?.comment ?? "";
    autosize(field);
    const chips = REASONS.map(([slug, text]) =>
      button(text, (event) => choose(event), { "data-reason": slug, "aria-pressed": String(slug === reason) }),
    );
    const choose = (event) => {
      reason = event.currentTarget.dataset.reason === reason ? null : event.currentTarget.dataset.reason;
      for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.reason === reason));
    };
    const submit = (event) => {
      event.preventDefault();
      this.actions.explain(this, { reason, comment: field.value.trim() });
    };
    return h(
      "form",
      { class: "panel", onsubmit: submit },
      h("h2", {}, "What was wrong?"),
      h("div", { class: "chips", role: "group", "aria-label": "Reason" }, chips),
      field,
      h(
        "div",
        { class: "row" },
        h("button", { class: "primary" }, "Save"),
        button("Correct it instead", () => this.show("edit")),
        button("Close", () => this.show("read"), { class: "quiet" }),
      ),
    );
  }

  #pair() {
    const last = this.question.variants.length - 1;
    const side = (index, other, title) => {
      const variant = this.question.variants[index];
      return h(
        "section",
        { "aria-label": title },
        h(
          "div",
          { class: "row spread small" },
          h("strong", {}, title),
          h("span", { class: "badge" }, writtenBy(variant)),
        ),
        h("div", { class: "text" }, renderMarkdown(textOf(variant))),
        button("This one is better", () => this.actions.pick(this, index, other)),
      );
    };
    const before = this.question.active;
    return h(
      "div",
      { class: "panel", role: "group", "aria-label": "Which is better?" },
      h("h2", {}, "Which is better?"),
      h("div", { class: "pair" }, side(before, last, "Before"), side(last, before, "New")),
      h(
        "div",
        { class: "row" },
        button("Keep the earlier one", () => this.actions.pick(this, before, null), { class: "quiet" }),
        button("Keep the new one", () => this.actions.pick(this, last, null), { class: "quiet" }),
        h("span", { class: "muted small" }, "without a judgement"),
      ),
    );
  }
}

/** A sentence about the rules that the prompt overrode; null if there were none. */
function overrideNote({ overriddenRules }) {
  return overriddenRules?.length
    ? `Your request overrides “${overriddenRules.join("” and “")}”, so the base model answered.`
    : null;
}

/** A sentence about the messages that were left out, because the chat is too long; null if none were. */
function shorteningNote({ leftOut }) {
  return leftOut
    ? `This chat is too long for the model, so it did not read the oldest ${plural(leftOut, "message")}.`
    : null;
}

/** Who wrote a reply: an adapter, and how much of the user's memory was in its prompt. */
function writtenBy(variant) {
  if (variant.adapter === null) return "earlier reply";
  const { demonstrations = 0, notes = 0 } = variant.memory ?? {};
  const examples = demonstrations ? `${demonstrations} of your examples` : null;
  const shown = [examples, notes ? plural(notes, "note") : null].filter(Boolean).join(", ");
  return adapterName(variant.adapter) + (shown ? ` + ${shown}` : "");
}

function hasMemory({ memory }) {
  return Boolean(memory?.demonstrations || memory?.notes);
}

/** The name of an adapter on the page: the base model, or the user's version. */
export function adapterName(adapter) {
  return adapter === "base" ? "base model" : `your ${adapter}`;
}
