// The user's chats: they live on the server. This browser keeps what the server does not have: drafts,
// and of the newest replies their reasoning and what was in the prompt. Tabs tell each other of changes.

import { call } from "../shared/api.js";
import { fromServer } from "./tree.js";

const PREFIX = "loralei.chat.";
const MAX_REPLIES = 200;
const MAX_SHOWN = 500;
const PAGE = 30;

export class Chats {
  /** Calls `onChange(chatId)` if another tab has changed a chat. */
  constructor(userId, { onChange }) {
    this.storage = `${PREFIX}${userId}`;
    this.tabs = new BroadcastChannel(this.storage);
    this.tabs.onmessage = ({ data }) => onChange(data);
  }

  /** A page of the list: {data, has_more}. With `words` only the chats that contain them. */
  list({ words = "", after = null } = {}) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (words) query.set("words", words);
    if (after) query.set("after", after);
    return call("GET", `/v1/chats?${query}`);
  }

  /** The chat with this id. */
  async open(id) {
    return fromServer(await call("GET", pathOf(id)), this.#known());
  }

  async rename(id, title) {
    await call("PATCH", pathOf(id), { body: { title } });
    this.tell(id);
  }

  async remove(id) {
    await call("DELETE", pathOf(id));
    this.tell(id);
  }

  /** Tells the other tabs that a chat has changed. */
  tell(id) {
    this.tabs.postMessage(id);
  }

  /** Keeps what only this browser knows of a new reply. */
  keep({ id, reasoning, memory, overriddenRules, leftOut }) {
    if (!id) return;
    this.#change((known) => {
      known.replies[id] = { reasoning, memory, overriddenRules, leftOut };
      limit(known.replies, MAX_REPLIES);
    });
  }

  /** Keeps which reply to a question is shown. */
  choose(question) {
    const [first, { id }] = [question.variants[0], question.variants[question.active]];
    if (!first.id || !id) return;
    this.#change((known) => {
      known.shown[first.id] = { id, at: Date.now() / 1000 };
      limit(known.shown, MAX_SHOWN);
    });
  }

  /** What was typed in a chat and not answered yet. */
  draft(id) {
    return this.#known().drafts[id] ?? "";
  }

  keepDraft(id, text) {
    this.#change((known) => {
      delete known.drafts[id];
      if (text) known.drafts[id] = text;
      limit(known.drafts, MAX_REPLIES);
    });
  }

  /** Removes everything of the user, also what an earlier release kept. */
  clear() {
    this.tabs.close();
    for (const name of Object.keys(localStorage)) if (name.startsWith(this.storage)) localStorage.removeItem(name);
  }

  #known() {
    const empty = { replies: {}, shown: {}, drafts: {} };
    try {
      return { ...empty, ...JSON.parse(localStorage.getItem(this.storage) ?? "{}") };
    } catch {
      return empty;
    }
  }

  #change(change) {
    const known = this.#known();
    change(known);
    try {
      localStorage.setItem(this.storage, JSON.stringify(known));
    } catch {
      // The browser's storage is full: the next visit has no reasoning and no drafts.
    }
  }
}

function pathOf(id) {
  return `/v1/chats/${encodeURIComponent(id)}`;
}

/** Drops the oldest entries. */
function limit(entries, most) {
  for (const name of Object.keys(entries).slice(0, -most)) delete entries[name];
}
