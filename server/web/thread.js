// One chat on the screen: its turns, and the acts on them. One reply is written at a time.

import { messagesBefore, shown } from "./chats.js";
import { complete, isComplete } from "./completion.js";
import { h, put } from "./dom.js";
import { judge } from "./judging.js";
import { rendered } from "./markdown.js";
import { Reply, adapterName } from "./reply.js";

// Small models ramble when sampled hot; another reply must differ from the first, though.
const FIRST = { temperature: 0.4, top_p: 0.9 };
const ANOTHER = { temperature: 0.9, top_p: 0.95 };

const STARTS = ["Explain photosynthesis to a child.", "Write a short note to thank a colleague.", "What should I cook with rice and eggs?"];

export class Thread {
  /** `hooks`: keep(chat), failed(error), judged(), isWriting(boolean). */
  constructor(element, hooks) {
    this.element = element;
    this.hooks = hooks;
    this.chat = null;
    this.writing = null;
    this.acts = {
      again: (reply) => this.#another(reply, null),
      compare: (reply) => this.#another(reply, "base"),
      correct: (reply, text) => this.#correct(reply, text),
      explain: (reply, said) => this.#judge(reply, said, "Thank you, saved."),
      pick: (reply, index, loser) => this.#pick(reply, index, loser),
      rate: (reply, value) => this.#rate(reply, value),
      turnTo: (reply, index) => this.#turnTo(reply, index),
    };
  }

  get isWriting() {
    return this.writing !== null;
  }

  /** Shows a chat from its beginning. */
  show(chat) {
    this.chat = chat;
    const isUnanswered = chat.turns.at(-1)?.role === "user";
    put(
      this.element,
      chat.turns.map((turn) => this.#elementOf(turn)),
      chat.turns.length === 0 && this.#welcome(),
      isUnanswered && this.#unanswered(chat),
    );
    this.#scrollDown(true);
  }

  #elementOf(turn) {
    if (turn.role === "user") return h("article", { class: "turn user", "aria-label": "You" }, turn.text);
    return new Reply(turn, this.acts).element;
  }

  #welcome() {
    return h(
      "section",
      { class: "welcome" },
      h("h2", {}, "A model that becomes yours"),
      h(
        "ol",
        {},
        h("li", {}, "Ask anything."),
        h("li", {}, "Correct a reply where it should have been different, or judge it with a thumb."),
        h("li", {}, "After a few corrections it trains, and answers your way from then on. Only yours changes."),
      ),
      h("div", { class: "starts" }, STARTS.map((text) => h("button", { type: "button", onclick: () => this.say(text) }, text))),
    );
  }

  /** Takes everything off the screen. */
  clear() {
    this.chat = null;
    this.element.replaceChildren();
  }

  /** Adds the person's turn and streams the reply to it. */
  async say(text) {
    const { chat } = this;
    if (this.isWriting || chat === null) return;
    if (chat.turns.length === 0) this.element.replaceChildren();
    this.element.querySelector(".unanswered")?.remove();
    const asked = { role: "user", text };
    chat.turns.push(asked);
    this.element.append(this.#elementOf(asked));
    this.hooks.keep(chat);
    await this.#answer(chat);
  }

  #answer(chat) {
    return this.#whileWriting((signal) => this.#append(chat, signal));
  }

  async #append(chat, signal) {
    const { holder, body } = this.#holder();
    this.element.append(holder);
    this.#scrollDown(true);
    const variant = await this.#write(chat, chat.turns.length, { sampling: FIRST, signal, body });
    if (variant) {
      const turn = { role: "assistant", variants: [variant], active: 0 };
      chat.turns.push(turn);
      holder.replaceWith(this.#elementOf(turn));
      this.hooks.keep(chat);
    } else {
      holder.replaceWith(this.#unanswered(chat));
    }
    this.#scrollDown(false);
  }

  #unanswered(chat) {
    const again = () => {
      notice.remove();
      this.#answer(chat);
    };
    const notice = h("p", { class: "unanswered" }, h("button", { type: "button", onclick: again }, "Answer this"));
    return notice;
  }

  /** Ends the reply that is being written, and resolves when what there is of it is kept. */
  async stop() {
    this.writing?.controller.abort();
    await this.writing?.kept;
  }

  #holder(label = "writing …") {
    const body = h("div", { class: "text" });
    const holder = h("article", { class: "turn reply writing", "aria-busy": "true" }, h("header", { class: "reply-label" }, label), body);
    return { holder, body };
  }

  async #whileWriting(work) {
    if (this.isWriting) return;
    const controller = new AbortController();
    this.hooks.isWriting(true);
    const kept = work(controller.signal).finally(() => {
      this.writing = null;
      this.hooks.isWriting(false);
    });
    this.writing = { controller, kept };
    await kept;
  }

  /** The reply to the turns before `end`, drawn into `body`; null when the key is refused. */
  async #write(chat, end, { sampling, adapter, signal, body }) {
    let text = "";
    let isWaiting = false;
    const draw = () => {
      isWaiting = false;
      body.replaceChildren(...rendered(text));
      this.#scrollDown(false);
    };
    const onText = (soFar) => {
      text = soFar;
      if (!isWaiting) requestAnimationFrame(draw);
      isWaiting = true;
    };
    try {
      const messages = messagesBefore(chat, end);
      return await complete({ chatId: chat.id, messages, sampling, adapter, signal, onText });
    } catch (error) {
      this.hooks.failed(error);
      return null;
    }
  }

  #another(reply, adapter) {
    const { chat } = this;
    return this.#whileWriting((signal) => this.#addVariant(chat, reply, adapter, signal));
  }

  async #addVariant(chat, reply, adapter, signal) {
    const { turn } = reply;
    const { holder, body } = this.#holder(adapter ? `${adapterName(adapter)}, writing …` : "writing another reply …");
    reply.element.after(holder);
    holder.scrollIntoView({ block: "nearest" });
    const sampling = adapter ? FIRST : ANOTHER;
    const variant = await this.#write(chat, chat.turns.indexOf(turn), { sampling, adapter, signal, body });
    holder.remove();
    if (!variant) return;
    const before = shown(turn);
    if (!isComplete(before)) {
      turn.variants[turn.active] = variant;
      reply.show("read");
    } else if (!isComplete(variant) || before.text === variant.text) {
      this.#say(reply, isComplete(variant) ? "The other reply is exactly the same." : variant.error ?? "Stopped.");
    } else {
      turn.variants.push(variant);
      reply.show("pick");
      reply.element.scrollIntoView({ block: "nearest" });
    }
    this.hooks.keep(chat);
  }

  #say(reply, note, mode = "read") {
    const variant = shown(reply.turn);
    variant.note = note;
    reply.show(mode);
    delete variant.note;
  }

  async #judge(reply, said, note, mode = "read") {
    const variant = shown(reply.turn);
    try {
      await judge(variant, said);
    } catch (error) {
      this.hooks.failed(error);
      return error.message;
    }
    this.#say(reply, note, mode);
    this.hooks.keep(this.chat);
    this.hooks.judged();
    return "";
  }

  #rate(reply, value) {
    if (value === "down") return this.#judge(reply, { value }, "Saved.", "explain");
    return this.#judge(reply, { value, reason: null, comment: null }, value ? "Saved. More like this." : "Taken back.");
  }

  async #correct(reply, text) {
    const variant = shown(reply.turn);
    const correction = text?.trim() ?? null;
    if (correction === "") return "A correction cannot be empty.";
    if (correction === variant.text.trim()) return "This is the reply as it was: change something, or cancel.";
    const note = correction ? "Saved. Your model learns from this correction." : "Back to the original.";
    return this.#judge(reply, { correction }, note);
  }

  async #pick(reply, index, loser) {
    const { turn } = reply;
    const rejected = loser === null ? null : turn.variants[loser];
    turn.active = index;
    if (rejected) {
      await this.#judge(reply, { preferred_over: rejected.id }, "Saved. Your model learns from your pick.");
    } else {
      reply.show("read");
      this.hooks.keep(this.chat);
    }
  }

  #turnTo(reply, index) {
    reply.turn.active = index;
    reply.show("read");
    this.hooks.keep(this.chat);
  }

  #scrollDown(isForced) {
    const box = this.element.parentElement;
    const isNear = box.scrollHeight - box.scrollTop - box.clientHeight < 140;
    if (isForced || isNear) box.scrollTop = box.scrollHeight;
  }
}
