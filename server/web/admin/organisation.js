// The organisation's adapter: who shares, which version answers, and the documents that it learns.

import { call } from "../shared/api.js";
import { confirmAction, toast } from "../shared/dialogs.js";
import { button, h, put } from "../shared/dom.js";
import { adapterBadge, formatTime, plural, table } from "../shared/format.js";

const PATH = "/v1/admin/organisation";

export class OrganisationView {
  constructor(page, { onError, signal }) {
    this.page = page;
    this.onError = onError;
    this.signal = signal;
    this.drawn = "";
  }

  async refresh() {
    const found = await call("GET", PATH, { signal: this.signal });
    const now = JSON.stringify(found);
    if (this.signal.aborted || now === this.drawn) return;
    this.drawn = now;
    put(this.page, this.#heading(found), ...(found.is_on ? [this.#documents(found), this.#form()] : []));
  }

  #heading({ is_on: isOn, user, version, members }) {
    return h(
      "section",
      { class: "section" },
      h("div", { class: "row" }, h("h1", {}, "Organisation"), adapterBadge(version ?? "base")),
      isOn
        ? h(
            "p",
            { class: "muted" },
            `Learns every night from the documents below, and from ${plural(members, "user")} who share. `,
            h("a", { href: `#/users/${encodeURIComponent(user)}` }, "Versions and trainings"),
          )
        : h("p", { class: "muted" }, "It is off. To turn it on, set organisation = true and restart the server."),
    );
  }

  #documents({ documents }) {
    const rows = documents.map((each) => [
      h("a", { href: "#/organisation", onclick: (event) => this.#toggle(event, each) }, each.name),
      each.characters,
      each.is_read ? `${each.questions} taught, ${each.rejected} rejected` : "tonight",
      formatTime(each.added_at),
      each.added_by,
      button("Delete", () => this.#remove(each), { class: "quiet", "aria-label": `Delete ${each.name}` }),
    ]);
    return h(
      "section",
      { class: "section" },
      h("h2", {}, "Documents"),
      documents.length
        ? table(
            [
              { text: "Name" },
              { text: "Characters" },
              { text: "Questions" },
              { text: "Added", isTime: true },
              { text: "By" },
              { text: "" },
            ],
            rows,
          )
        : h("p", { class: "muted" }, "None yet."),
      h("div", { id: "questions" }),
    );
  }

  async #toggle(event, document) {
    event.preventDefault();
    try {
      const { pairs } = await call("GET", `${PATH}/documents/${document.id}`);
      const shown = pairs.map((each) => h("div", {}, h("dt", {}, each.question), h("dd", {}, each.answer)));
      put(
        this.page.querySelector("#questions"),
        h("h3", {}, document.name),
        shown.length ? h("dl", { class: "facts" }, shown) : h("p", { class: "muted" }, "Nothing of it is taught yet."),
      );
    } catch (error) {
      this.onError(error);
    }
  }

  async #remove(document) {
    const agreed = await confirmAction({
      title: `Delete “${document.name}”?`,
      text: "Versions that learned from it stop answering at once. The organisation is trained again without it.",
      action: "Delete",
      isDanger: true,
    });
    if (agreed) await this.#change("DELETE", `/documents/${document.id}`);
  }

  #form() {
    const name = h("input", { required: true, maxlength: 256, autocomplete: "off" });
    const text = h("textarea", { required: true, rows: 8, dir: "auto" });
    const file = h("input", {
      type: "file",
      accept: ".txt,.md,text/plain,text/markdown",
      onchange: async () => {
        const [chosen] = file.files;
        if (!chosen) return;
        name.value ||= chosen.name;
        text.value = await chosen.text();
      },
    });
    const submit = async (event) => {
      event.preventDefault();
      await this.#change("POST", "/documents", { name: name.value, text: text.value });
    };
    return h(
      "section",
      { class: "section" },
      h("h2", {}, "Add a document"),
      h(
        "form",
        { class: "section", onsubmit: submit },
        h("label", {}, "File (text or Markdown)", file),
        h("label", {}, "Name", name),
        h("label", {}, "Text", text),
        h("div", { class: "row" }, h("button", { class: "primary" }, "Add")),
      ),
    );
  }

  async #change(method, path, body) {
    try {
      await call(method, PATH + path, { body });
      toast(method === "POST" ? "Added: the next nightly training reads it." : "Deleted.");
      await this.refresh();
    } catch (error) {
      this.onError(error);
    }
  }
}
