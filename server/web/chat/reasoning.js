// What a model thought before its reply: shown collapsed, apart from the reply that is edited and rated.

import { h } from "../shared/dom.js";
import { GrowingMarkdown, renderMarkdown } from "../text/markdown.js";

/** The reasoning of one reply. `isOpen` and `onToggle(isOpen)` keep it open when it is drawn anew. */
export class Reasoning {
  constructor({ isOpen = false, onToggle = (/** @type {boolean} */ _isOpen) => {} } = {}) {
    this.title = h("summary", {});
    this.text = h("div", { class: "text" });
    this.growing = new GrowingMarkdown(this.text);
    this.element = h(
      "details",
      { class: "reasoning", hidden: true, open: isOpen, ontoggle: () => onToggle(this.element.open) },
      this.title,
      this.text,
    );
  }

  /** Draws the text so far; nothing at all while it is empty. */
  show(text, { isWriting = false } = {}) {
    this.element.hidden = !text;
    this.title.textContent = isWriting ? "Thinking …" : "Reasoning";
    if (isWriting) this.growing.show(text);
    else this.text.replaceChildren(...renderMarkdown(text));
  }
}
