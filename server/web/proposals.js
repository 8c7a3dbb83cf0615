// The proposals that wait for a decision, in a dialog: approve, edit or drop one after the other.

import { call } from "./api.js";
import { openDialog } from "./dialogs.js";
import { autosize, h, put } from "./dom.js";
import { rendered } from "./markdown.js";

const AT_ONCE = 10;

/** `onDecided()` hears of every decision that the server took. */
export class ProposalList {
  constructor({ onDecided }) {
    this.onDecided = onDecided;
    this.list = h("ul", { class: "proposals", "aria-labelledby": "proposals-title" });
    this.said = h("p", { class: "muted small", role: "status" });
    this.notice = h("p", { class: "notice", role: "alert", hidden: true });
  }

  async open() {
    const dialog = h(
      "dialog",
      { class: "wide", "aria-labelledby": "proposals-title" },
      h(
        "div",
        { class: "stack" },
        h("h2", { id: "proposals-title" }, "Proposed practice"),
        h("p", { class: "muted" }, "Your model made these up from what you ask and correct. Only what you approve is learned."),
        this.list,
        this.notice,
        h("div", { class: "row spread" }, this.said, h("button", { type: "button", onclick: () => dialog.close() }, "Close")),
      ),
    );
    openDialog(dialog);
    await this.#load();
  }

  async #load() {
    await this.#try(async () => {
      const { data } = await call("GET", `/v1/me/practice?status=proposed&limit=${AT_ONCE}`);
      put(this.list, data.length > 0 ? data.map((proposal) => this.#entry(proposal)) : h("li", { class: "muted" }, "Nothing waits for you."));
      this.#focusFirst();
    });
  }

  #entry(proposal) {
    const entry = h("li");
    const show = (...content) => put(entry, h("span", { class: "badge" }, proposal.kind), ...content);
    const read = () => {
      show(
        h("strong", {}, proposal.instruction),
        h("div", { class: "text" }, rendered(proposal.reply)),
        proposal.rules.length > 0 && h("p", { class: "muted small" }, `Rewritten by your rules: ${proposal.rules.join(" ")}`),
        h(
          "div",
          { class: "row", role: "group", "aria-label": `Decide on: ${proposal.instruction}` },
          h("button", { type: "button", class: "primary approve", onclick: () => this.#decide(entry, proposal, { status: "approved" }, "Approved.") }, "Approve"),
          h("button", { type: "button", class: "edit", onclick: edit }, "Edit"),
          h("button", { type: "button", class: "danger", onclick: () => this.#decide(entry, proposal, { status: "dropped" }, "Dropped.") }, "Drop"),
        ),
      );
    };
    const edit = () => {
      const instruction = field(proposal.instruction);
      const reply = field(proposal.reply);
      const submit = (event) => {
        event.preventDefault();
        const body = { status: "approved", instruction: instruction.value, reply: reply.value };
        this.#decide(entry, proposal, body, "Approved as you wrote it.");
      };
      const leave = () => {
        read();
        entry.querySelector(".edit").focus();
      };
      const onkeydown = (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // the dialog stays open
        leave();
      };
      show(
        h(
          "form",
          { onsubmit: submit, onkeydown },
          h("label", {}, "Instruction", instruction),
          h("label", {}, "Reply", reply),
          h("div", { class: "row" }, h("button", { class: "primary" }, "Approve as edited"), h("button", { type: "button", onclick: leave }, "Cancel")),
        ),
      );
      reply.focus();
    };
    read();
    return entry;
  }

  async #decide(entry, proposal, body, said) {
    await this.#try(async () => {
      await this.#change(proposal, body);
      const next = entry.nextElementSibling ?? entry.previousElementSibling;
      entry.remove();
      const undo = h("button", { type: "button", class: "quiet", onclick: () => this.#undo(proposal) }, "Undo");
      put(this.said, said, undo);
      if (next) next.querySelector(".approve")?.focus();
      else await this.#load();
    });
  }

  async #undo(proposal) {
    const { instruction, reply } = proposal;
    await this.#try(async () => {
      await this.#change(proposal, { status: "proposed", instruction, reply });
      put(this.said, "It waits again.");
      await this.#load();
    });
  }

  async #change(proposal, body) {
    await call("PATCH", `/v1/me/practice/${encodeURIComponent(proposal.id)}`, { body });
    this.onDecided();
  }

  /** Says in the dialog what went wrong: a notice beside it could not be reached. */
  async #try(act) {
    this.notice.hidden = true;
    try {
      await act();
    } catch (error) {
      this.notice.textContent = error.message;
      this.notice.hidden = false;
    }
  }

  #focusFirst() {
    this.list.querySelector(".approve")?.focus();
  }
}

function field(text) {
  const area = h("textarea", { rows: 2 });
  area.value = text;
  autosize(area);
  return area;
}
