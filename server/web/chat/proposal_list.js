// A dialog with the open proposals: the user approves, edits or drops each one.

import { call } from "../shared/api.js";
import { openDialog } from "../shared/dialogs.js";
import { autosize, button, h, put } from "../shared/dom.js";
import { renderMarkdown } from "./markdown.js";

const AT_ONCE = 10;

/** Calls `onDecided()` after every decision that the server accepted. */
export class ProposalList {
  constructor({ onDecided }) {
    this.onDecided = onDecided;
    this.list = h("ul", { class: "proposals", "aria-labelledby": "proposals-title" });
    this.status = h("p", { class: "muted small", role: "status" });
    this.notice = h("p", { class: "notice", role: "alert", hidden: true });
  }

  async open() {
    const dialog = h(
      "dialog",
      { class: "wide", "aria-labelledby": "proposals-title" },
      h(
        "div",
        { class: "stack" },
        h("h2", { id: "proposals-title" }, "Proposals"),
        h(
          "p",
          { class: "muted" },
          "Your model made these up from what you ask and correct. Only what you approve is learned.",
        ),
        this.list,
        this.notice,
        h(
          "div",
          { class: "row spread" },
          this.status,
          button("Close", () => dialog.close()),
        ),
      ),
    );
    openDialog(dialog);
    await this.#load();
  }

  async #load() {
    await this.#try(async () => {
      const { data } = await call("GET", `/v1/me/proposals?status=proposed&limit=${AT_ONCE}`);
      put(
        this.list,
        data.length > 0
          ? data.map((proposal) => this.#entry(proposal))
          : h("li", { class: "muted" }, "No open proposals."),
      );
      this.#focusFirst();
    });
  }

  #entry(proposal) {
    const entry = h("li");
    const show = (...content) => put(entry, h("span", { class: "badge" }, proposal.kind), ...content);
    const read = () => {
      show(
        h("strong", {}, proposal.instruction),
        h("div", { class: "text" }, renderMarkdown(proposal.reply)),
        proposal.rules.length > 0 &&
          h("p", { class: "muted small" }, `Rewritten by your rules: ${proposal.rules.join(" ")}`),
        h(
          "div",
          { class: "row", role: "group", "aria-label": `Decide on: ${proposal.instruction}` },
          button("Approve", () => this.#decide(entry, proposal, { status: "approved" }, "Approved."), {
            class: "primary approve",
          }),
          button("Edit", edit, { class: "edit" }),
          button("Drop", () => this.#decide(entry, proposal, { status: "dropped" }, "Dropped."), { class: "danger" }),
        ),
      );
    };
    const edit = () => {
      const instruction = field(proposal.instruction);
      const reply = field(proposal.reply);
      const submit = (event) => {
        event.preventDefault();
        const body = { status: "approved", instruction: instruction.value, reply: reply.value };
        this.#decide(entry, proposal, body, "Approved as edited.");
      };
      const leave = () => {
        read();
        entry.querySelector(".edit").focus();
      };
      const onkeydown = (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // keeps the dialog open
        leave();
      };
      show(
        h(
          "form",
          { onsubmit: submit, onkeydown },
          h("label", {}, "Instruction", instruction),
          h("label", {}, "Reply", reply),
          h("div", { class: "row" }, h("button", { class: "primary" }, "Approve as edited"), button("Cancel", leave)),
        ),
      );
      reply.focus();
    };
    read();
    return entry;
  }

  async #decide(entry, proposal, body, message) {
    await this.#try(async () => {
      await this.#change(proposal, body);
      const next = entry.nextElementSibling ?? entry.previousElementSibling;
      entry.remove();
      const undo = button("Undo", () => this.#undo(proposal), { class: "quiet" });
      put(this.status, message, undo);
      if (next) next.querySelector(".approve")?.focus();
      else await this.#load();
    });
  }

  async #undo(proposal) {
    const { instruction, reply } = proposal;
    await this.#try(async () => {
      await this.#change(proposal, { status: "proposed", instruction, reply });
      put(this.status, "The proposal is open again.");
      await this.#load();
    });
  }

  async #change(proposal, body) {
    await call("PATCH", `/v1/me/proposals/${encodeURIComponent(proposal.id)}`, { body });
    this.onDecided();
  }

  /** Shows errors in the dialog, because it covers the notices of the page. */
  async #try(work) {
    this.notice.hidden = true;
    try {
      await work();
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
