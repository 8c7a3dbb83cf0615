// The list of chats at the side: search, open, rename, delete.

import { askForText, confirmAction } from "../shared/dialogs.js";
import { button, byId, h, iconButton, put } from "../shared/dom.js";

const SEARCH_MS = 250;

export class ChatList {
  /** `hooks`: open(chat), renamed(id, title), removing(id), removed(id), onError(error). */
  constructor(chats, hooks) {
    this.chats = chats;
    this.hooks = hooks;
    this.current = null;
    this.entries = [];
    this.hasMore = false;
    this.round = 0;
    let timer = 0;
    byId("search").oninput = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.refresh(), SEARCH_MS);
    };
  }

  /** Marks the chat that is open. */
  mark(id) {
    this.current = id;
    this.#show();
  }

  /** Asks the server for the first page. */
  refresh() {
    return this.#load(null);
  }

  async #load(after) {
    this.round += 1;
    const { round } = this;
    try {
      const page = await this.chats.list({ words: byId("search").value.trim(), after });
      if (round !== this.round) return;
      this.entries = after ? [...this.entries, ...page.data] : page.data;
      this.hasMore = page.has_more;
      this.#show();
    } catch (error) {
      this.hooks.onError(error);
    }
  }

  #show() {
    const isSearch = byId("search").value.trim() !== "";
    put(
      byId("chats"),
      this.entries.length === 0 && h("li", { class: "none muted small" }, isSearch ? "Nothing found." : "None yet."),
      this.entries.map((entry) => this.#entry(entry)),
      this.hasMore &&
        h(
          "li",
          { class: "none" },
          button("Show more", () => this.#load(this.entries.at(-1).id), { id: "more", class: "quiet" }),
        ),
    );
  }

  #entry(entry) {
    const { id, title } = entry;
    const isCurrent = id === this.current;
    return h(
      "li",
      { class: isCurrent ? "current" : "" },
      button(title, () => this.hooks.open(entry), {
        class: "open",
        dir: "auto",
        id: `open-${id}`,
        "aria-current": isCurrent ? "true" : null,
      }),
      iconButton("edit", `Rename the chat ${title}`, () => this.#rename(entry), { class: "quiet round remove" }),
      iconButton("close", `Delete the chat ${title}`, () => this.#remove(entry), { class: "quiet round remove" }),
    );
  }

  async #rename({ id, title }) {
    const given = await askForText({ title: "Rename this chat", label: "Title", value: title, maxlength: 120 });
    if (given === null) return;
    try {
      await this.chats.rename(id, given || null);
      await this.refresh();
      this.hooks.renamed(id, this.entries.find((each) => each.id === id)?.title ?? title);
    } catch (error) {
      this.hooks.onError(error);
    }
    byId(`open-${id}`)?.focus();
  }

  async #remove({ id }) {
    const agreed = await confirmAction({
      title: "Delete this chat?",
      text: "Its replies and your feedback on them are deleted, on every device. The next training forgets them.",
      action: "Delete",
      isDanger: true,
    });
    if (!agreed) return;
    try {
      await this.hooks.removing(id);
      await this.chats.remove(id);
    } catch (error) {
      if (error.status !== 404) {
        this.hooks.onError(error);
        return;
      }
    }
    this.hooks.removed(id);
    await this.refresh();
    byId("message").focus();
  }
}
