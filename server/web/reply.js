// One reply of the model: its text, who wrote it, and everything that can be said about it.
// It knows how a reply looks; what an act does comes from `acts`.

import { shown } from "./chats.js";
import { isComplete } from "./completion.js";
import { copy } from "./dialogs.js";
import { autosize, h, iconButton } from "./dom.js";
import { rendered } from "./markdown.js";

const REASONS = [
  ["inaccurate", "Not true"],
  ["not_matched", "Not what I asked"],
  ["bad_style", "Wrong style"],
  ["too_long", "Too long"],
  ["other", "Something else"],
];

const ENDINGS = {
  length: "The reply reached the length limit.",
  stopped: "You stopped this reply. It is not learned from.",
};

/** The element of a reply; call its `show()` again whenever the turn has changed. */
export class Reply {
  constructor(turn, acts) {
    this.turn = turn;
    this.acts = acts;
    this.mode = "read";
    this.element = h("article", { class: "turn reply", "aria-label": "Reply" });
    this.show();
  }

  /** Draws the reply again; the button that had the focus keeps it. */
  show(mode = this.mode) {
    this.mode = mode;
    const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    const variant = shown(this.turn);
    this.element.replaceChildren(...this.#body(variant));
    if (focused) this.element.querySelector(`[data-act="${focused}"]`)?.focus();
  }

  #body(variant) {
    if (this.mode === "pick") return [this.#pair()];
    if (this.mode === "edit") return [this.#label(variant), this.#editor(variant)];
    return [
      this.#label(variant),
      h("div", { class: "text" }, rendered(variant.judgement?.correction ?? variant.text)),
      this.#ending(variant),
      this.#actions(variant),
      this.mode === "explain" ? this.#explain(variant) : null,
    ].filter(Boolean);
  }

  #label(variant) {
    const { variants, active } = this.turn;
    return h(
      "header",
      { class: "reply-label" },
      h("span", { class: variant.adapter === "base" ? "badge" : "badge accent" }, adapterName(variant.adapter)),
      variant.judgement?.correction ? h("span", { class: "badge good" }, "corrected by you") : null,
      variant.judgement?.preferred_over ? h("span", { class: "badge good" }, "your pick") : null,
      variants.length > 1 && this.mode === "read" ? this.#pager(active, variants.length) : null,
    );
  }

  #pager(active, count) {
    const turnTo = (index) => this.acts.turnTo(this, index);
    return h(
      "span",
      { class: "pager" },
      iconButton("left", "Earlier reply", () => turnTo(active - 1), { disabled: active === 0, "data-act": "left" }),
      h("span", {}, `${active + 1} of ${count}`),
      iconButton("right", "Later reply", () => turnTo(active + 1), { disabled: active === count - 1, "data-act": "right" }),
    );
  }

  #ending(variant) {
    if (variant.ending === "error") return h("p", { class: "notice", role: "alert" }, variant.error);
    const notes = [variant.judgement?.correction ? null : ENDINGS[variant.ending], aside(variant)].filter(Boolean);
    return notes.length ? h("p", { class: "muted small" }, notes.join(" ")) : null;
  }

  #actions(variant) {
    const { acts } = this;
    const act = (name, label, drawing, run, pressed = null) =>
      iconButton(drawing, label, run, { "data-act": name, "aria-pressed": pressed === null ? null : String(pressed) });
    const again = act("again", "Write another reply", "again", () => acts.again(this));
    if (!isComplete(variant)) return h("div", { class: "actions" }, again);
    const value = variant.judgement?.value;
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": "Judge this reply" },
      act("up", "Good reply", "up", () => acts.rate(this, value === "up" ? null : "up"), value === "up"),
      act("down", "Bad reply", "down", () => acts.rate(this, value === "down" ? null : "down"), value === "down"),
      act("edit", "Correct this reply", "edit", () => this.show("edit")),
      value === "down" ? act("comment", "Say what was wrong", "comment", () => this.show(this.mode === "explain" ? "read" : "explain"), this.mode === "explain") : null,
      again,
      variant.adapter === "base" ? null : act("compare", "Compare with the base model", "compare", () => acts.compare(this)),
      act("copy", "Copy", "copy", () => copy(variant.judgement?.correction ?? variant.text)),
      variant.note ? h("span", { class: "saved", role: "status" }, variant.note) : null,
    );
  }

  #editor(variant) {
    const field = h("textarea", { rows: 2, "aria-label": "The reply as it should have been" });
    field.value = variant.judgement?.correction ?? variant.text;
    autosize(field);
    const notice = h("p", { class: "notice", role: "alert", hidden: true });
    const submit = async (event) => {
      event.preventDefault();
      notice.textContent = await this.acts.correct(this, field.value);
      notice.hidden = !notice.textContent;
    };
    const form = h(
      "form",
      { class: "panel", onsubmit: submit },
      h("p", { class: "muted small" }, "Write the reply as it should have been. Your model learns to answer like this."),
      field,
      notice,
      h(
        "div",
        { class: "row" },
        h("button", { class: "primary" }, "Save correction"),
        h("button", { type: "button", onclick: () => this.show("read") }, "Cancel"),
        variant.judgement?.correction
          ? h("button", { type: "button", class: "quiet", onclick: () => this.acts.correct(this, null) }, "Back to the original")
          : null,
      ),
    );
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.show("read");
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    requestAnimationFrame(() => field.focus());
    return form;
  }

  #explain(variant) {
    let reason = variant.judgement?.reason ?? null;
    const field = h("textarea", { rows: 2, maxlength: 4000, "aria-label": "Comment", placeholder: "In your own words: what should be different next time?" });
    field.value = variant.judgement?.comment ?? "";
    autosize(field);
    const chips = REASONS.map(([slug, text]) =>
      h("button", { type: "button", "data-reason": slug, "aria-pressed": String(slug === reason), onclick: (event) => choose(event) }, text),
    );
    const choose = (event) => {
      reason = event.currentTarget.dataset.reason === reason ? null : event.currentTarget.dataset.reason;
      for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.reason === reason));
    };
    const submit = (event) => {
      event.preventDefault();
      this.acts.explain(this, { reason, comment: field.value.trim() });
    };
    return h(
      "form",
      { class: "panel", onsubmit: submit },
      h("h3", {}, "What was wrong?"),
      h("div", { class: "chips", role: "group", "aria-label": "Reason" }, chips),
      field,
      h(
        "div",
        { class: "row" },
        h("button", { class: "primary" }, "Save"),
        h("button", { type: "button", onclick: () => this.show("edit") }, "Correct it instead"),
        h("button", { type: "button", class: "quiet", onclick: () => this.show("read") }, "Close"),
      ),
    );
  }

  #pair() {
    const last = this.turn.variants.length - 1;
    const side = (index, other, title) => {
      const variant = this.turn.variants[index];
      return h(
        "section",
        { "aria-label": title },
        h("div", { class: "row spread small" }, h("strong", {}, title), h("span", { class: "badge" }, adapterName(variant.adapter))),
        h("div", { class: "text" }, rendered(variant.judgement?.correction ?? variant.text)),
        h("button", { type: "button", onclick: () => this.acts.pick(this, index, other) }, "This one is better"),
      );
    };
    const before = this.turn.active;
    return h(
      "div",
      { class: "panel", role: "group", "aria-label": "Which is better?" },
      h("h3", {}, "Which is better?"),
      h("div", { class: "pair" }, side(before, last, "Before"), side(last, before, "New")),
      h("div", { class: "row" }, h("button", { type: "button", class: "quiet", onclick: () => this.acts.pick(this, last, null) }, "I can’t say; keep the new one")),
    );
  }
}

/** Which of the user's rules the prompt ruled out. */
function aside({ setAside }) {
  return setAside?.length ? `You asked for something else here than “${setAside.join("” and “")}”, so the base model answered.` : null;
}

/** How a page names an adapter: the base model, or the user's version. */
export function adapterName(adapter) {
  return adapter === "base" ? "base model" : `your ${adapter}`;
}
