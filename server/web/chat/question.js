// One message of the user: its text, its other versions, and a button to change it. A changed message
// begins a branch of the chat; the earlier one stays.

import { autosize, button, h, iconButton } from "../shared/dom.js";
import { messageElements } from "./attachments.js";

/** `actions`: change(place, text), turnToQuestion(place, index). */
export class QuestionView {
  constructor(place, actions) {
    this.place = place;
    this.actions = actions;
    this.element = h("article", { class: "turn user", "aria-label": "You" });
    this.#show();
  }

  #show() {
    const { branch, question } = this.place;
    const count = branch.questions.length;
    const turnTo = (index) => this.actions.turnToQuestion(this.place, index);
    this.element.classList.remove("editing");
    this.element.replaceChildren(
      h("div", { class: "said" }, messageElements(question.text).flat().filter(Boolean)),
      h(
        "div",
        { class: "actions" },
        count > 1 &&
          h(
            "span",
            { class: "pager" },
            iconButton("left", "Earlier message", () => turnTo(branch.active - 1), { disabled: branch.active === 0 }),
            h("span", {}, `${branch.active + 1} of ${count}`),
            iconButton("right", "Later message", () => turnTo(branch.active + 1), {
              disabled: branch.active === count - 1,
            }),
          ),
        iconButton("edit", "Change this message", () => this.#edit()),
      ),
    );
  }

  #edit() {
    const field = h("textarea", { rows: 2, dir: "auto", maxlength: 300000, "aria-label": "The changed message" });
    field.value = this.place.question.text;
    const leave = () => {
      this.#show();
      this.element.querySelector("[aria-label='Change this message']").focus();
    };
    const form = h(
      "form",
      {
        class: "panel",
        onsubmit: (event) => {
          event.preventDefault();
          const text = field.value.trim();
          if (text && text !== this.place.question.text) this.actions.change(this.place, text);
          else leave();
        },
      },
      field,
      h("div", { class: "row" }, h("button", { class: "primary" }, "Send again"), button("Cancel", leave)),
    );
    form.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") leave();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    this.element.classList.add("editing");
    this.element.replaceChildren(form);
    autosize(field);
    field.focus();
  }
}
