// Keeps a user's chats in this browser, one entry each, so that two tabs do not overwrite
// each other. A chat is {id, title, at, turns}; a turn is {role: "user", text} or
// {role: "assistant", variants, active}; a variant is one reply with how it was judged.

const TITLE_LENGTH = 60;

export class Chats {
  constructor(userId) {
    this.prefix = `loralei.chat.${userId}.`;
  }

  /** All chats, the latest first. */
  all() {
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(this.prefix))
      .map((name) => this.#read(name))
      .filter((chat) => chat !== null)
      .sort((one, other) => other.at - one.at);
  }

  #read(name) {
    try {
      const chat = JSON.parse(localStorage.getItem(name));
      return Array.isArray(chat?.turns) ? chat : null;
    } catch {
      return null;
    }
  }

  /** A chat that is kept once it has a turn. */
  create() {
    return { id: newId(), title: "New chat", at: Date.now(), turns: [] };
  }

  /** Keeps the chat; throws when the browser's storage is full. */
  save(chat) {
    chat.at = Date.now();
    const first = chat.turns[0]?.text ?? "New chat";
    chat.title = first.length > TITLE_LENGTH ? `${first.slice(0, TITLE_LENGTH)}…` : first;
    localStorage.setItem(this.prefix + chat.id, JSON.stringify(chat));
  }

  remove(chat) {
    localStorage.removeItem(this.prefix + chat.id);
  }

  clear() {
    for (const chat of this.all()) this.remove(chat);
  }
}

// crypto.randomUUID exists only on https and localhost; people also open http://192.168.…
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The reply of a turn that is shown and sent on. */
export function shown(turn) {
  return turn.variants[turn.active];
}

/** What the model is told of the turns before `end`; a corrected reply goes as corrected. */
export function messagesBefore(chat, end) {
  return chat.turns
    .slice(0, end)
    .map((turn) =>
      turn.role === "user"
        ? { role: "user", content: turn.text }
        : { role: "assistant", content: shown(turn).judgement?.correction ?? shown(turn).text },
    )
    .filter((message) => message.content.trim());
}
