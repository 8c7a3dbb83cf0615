// Stores a user's chats in this browser, one entry each, so that two tabs do not overwrite
// each other. A chat is {id, title, at, turns}. A turn is {role: "user", text} or
// {role: "assistant", variants, active}. A variant is one reply and the feedback on it.

const TITLE_LENGTH = 60;

export class Chats {
  constructor(userId) {
    this.prefix = `loralei.chat.${userId}.`;
  }

  /** All chats, newest first. */
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
      return Array.isArray(chat?.turns) ? upgrade(chat) : null;
    } catch {
      return null;
    }
  }

  /** A new chat. It is stored once it has a turn. */
  create() {
    return { id: newId(), title: "New chat", at: Date.now(), turns: [] };
  }

  /** Stores the chat. Throws if the browser's storage is full. */
  save(chat) {
    chat.at = Date.now();
    const first = chat.turns[0]?.text ?? "New chat";
    chat.title = first.length > TITLE_LENGTH ? `${first.slice(0, TITLE_LENGTH)}…` : first;
    localStorage.setItem(this.prefix + chat.id, JSON.stringify(chat));
  }

  remove(chat) {
    localStorage.removeItem(this.prefix + chat.id);
  }

  /** Removes all of them, also those that cannot be read. */
  clear() {
    for (const name of Object.keys(localStorage)) if (name.startsWith(this.prefix)) localStorage.removeItem(name);
  }
}

/** Renames the fields of a chat that an earlier release stored. */
function upgrade(chat) {
  for (const variant of chat.turns.flatMap((turn) => turn.variants ?? [])) {
    variant.feedback ??= variant.judgement;
    variant.overriddenRules ??= variant.setAside;
    delete variant.judgement;
    delete variant.setAside;
  }
  return chat;
}

// crypto.randomUUID exists only on https and localhost; people also open http://192.168.…
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The reply of a turn that the page shows and later requests contain. */
export function activeVariant(turn) {
  return turn.variants[turn.active];
}

/** The text of a reply, as corrected if it was. */
export function textOf(variant) {
  return variant.feedback?.correction ?? variant.text;
}

/** The messages of the turns before `end`, as the request sends them. */
export function messagesBefore(chat, end) {
  return chat.turns
    .slice(0, end)
    .map((turn) =>
      turn.role === "user"
        ? { role: "user", content: turn.text }
        : { role: "assistant", content: textOf(activeVariant(turn)) },
    )
    .filter((message) => message.content.trim());
}
