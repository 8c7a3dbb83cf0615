// One chat on the screen: its turns and what the user does with them. One reply at a time.

import { button, h, paced, put } from "../shared/dom.js";
import { activeVariant, messagesBefore } from "./chats.js";
import { complete, isComplete } from "./completion.js";
import { sendFeedback } from "./feedback.js";
import { GrowingMarkdown } from "./markdown.js";
import { Reasoning } from "./reasoning.js";
import { Reply } from "./reply.js";

const STARTS = [
  "Explain photosynthesis to a child.",
  "Write a short note to thank a colleague.",
  "What should I cook with rice and eggs?",
];

export class Thread {
  /** `hooks`: save(chat), onError(error), onFeedback(), onWriting(isWriting). */
  constructor(element, hooks) {
    this.element = element;
    this.hooks = hooks;
    this.chat = null;
    this.writing = null;
    this.actions = {
      again: (reply) => this.#another(reply, { isAnother: true }),
      compare: (reply) => this.#another(reply, { isBaseAlone: true }),
      correct: (reply, text) => this.#correct(reply, text),
      explain: (reply, changes) => this.#giveFeedback(reply, changes, "Thank you, saved."),
      pick: (reply, index, loser) => this.#pick(reply, index, loser),
      rate: (reply, value) => this.#rate(reply, value),
      turnTo: (reply, index) => this.#turnTo(reply, index),
    };
  }

  get isWriting() {
    return this.writing !== null;
  }

  /** Shows this chat. */
  show(chat) {
    this.chat = chat;
    const isUnanswered = chat.turns.at(-1)?.role === "user";
    put(
      this.element,
      chat.turns.map((turn) => this.#elementOf(turn)),
      chat.turns.length === 0 && this.#welcome(),
      isUnanswered && this.#unanswered(chat),
    );
    this.#scrollDown();
  }

  #elementOf(turn) {
    if (turn.role === "user") return h("article", { class: "turn user", "aria-label": "You" }, turn.text);
    return new Reply(turn, this.actions).element;
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
        h("li", {}, "Correct a reply that should have been different, or rate it with a thumb."),
        h(
          "li",
          {},
          "After a few corrections your model trains. From then on it answers your way. Nobody else’s model changes.",
        ),
      ),
      h(
        "div",
        { class: "starts" },
        STARTS.map((text) => button(text, () => this.say(text))),
      ),
    );
  }

  /** Shows no chat. */
  clear() {
    this.chat = null;
    this.element.replaceChildren();
  }

  /** Adds the user's turn and streams the reply. */
  async say(text) {
    const { chat } = this;
    if (this.isWriting || chat === null) return;
    if (chat.turns.length === 0) this.element.replaceChildren();
    this.element.querySelector(".unanswered")?.remove();
    const asked = { role: "user", text };
    chat.turns.push(asked);
    this.element.append(this.#elementOf(asked));
    this.hooks.save(chat);
    await this.#answer(chat);
  }

  #answer(chat) {
    return this.#whileWriting((signal) => this.#append(chat, signal));
  }

  async #append(chat, signal) {
    const { holder, draw } = this.#placeholder();
    this.element.append(holder);
    this.#scrollDown();
    const variant = await this.#write(chat, chat.turns.length, { signal, draw });
    if (variant) {
      const turn = { role: "assistant", variants: [variant], active: 0 };
      chat.turns.push(turn);
      const written = this.#elementOf(turn);
      const isReading = holder.querySelector(".reasoning").open;
      this.#keepingTheEnd(() => holder.replaceWith(written));
      written.querySelector(".reasoning")?.toggleAttribute("open", isReading);
      this.hooks.save(chat);
    } else {
      holder.replaceWith(this.#unanswered(chat));
    }
  }

  #unanswered(chat) {
    const again = () => {
      notice.remove();
      this.#answer(chat);
    };
    const notice = h("p", { class: "unanswered" }, button("Answer this", again));
    return notice;
  }

  /** Stops the reply that is being written; resolves when its text so far is saved. */
  async stop() {
    this.writing?.controller.abort();
    await this.writing?.finished;
  }

  #placeholder(label = "writing …") {
    const reasoning = new Reasoning();
    const body = h("div", { class: "text" });
    const growing = new GrowingMarkdown(body);
    const holder = h(
      "article",
      { class: "turn reply writing", "aria-busy": "true" },
      h("header", { class: "reply-label" }, label),
      reasoning.element,
      body,
    );
    const draw = (variant) => {
      reasoning.show(variant.reasoning, { isWriting: !variant.text });
      growing.show(variant.text);
    };
    return { holder, draw };
  }

  async #whileWriting(work) {
    if (this.isWriting) return;
    const controller = new AbortController();
    this.hooks.onWriting(true);
    const finished = work(controller.signal).finally(() => {
      this.writing = null;
      this.hooks.onWriting(false);
    });
    this.writing = { controller, finished };
    await finished;
  }

  /** Streams the reply to the turns before `end` and draws it. Null if the key was refused. */
  async #write(chat, end, { signal, draw, ...how }) {
    const onText = paced((variant) => this.#keepingTheEnd(() => draw(variant)));
    try {
      const messages = messagesBefore(chat, end);
      return await complete({ chatId: chat.id, messages, signal, onText, ...how });
    } catch (error) {
      this.hooks.onError(error);
      return null;
    }
  }

  #another(reply, how) {
    const { chat } = this;
    return this.#whileWriting((signal) => this.#addVariant(chat, reply, how, signal));
  }

  async #addVariant(chat, reply, how, signal) {
    const { turn } = reply;
    const { holder, draw } = this.#placeholder(how.isBaseAlone ? "base model, writing …" : "writing another reply …");
    reply.element.after(holder);
    holder.scrollIntoView({ block: "nearest" });
    const variant = await this.#write(chat, chat.turns.indexOf(turn), { signal, draw, ...how });
    holder.remove();
    if (!variant) return;
    const before = activeVariant(turn);
    if (!isComplete(before)) {
      turn.variants[turn.active] = variant;
      reply.show("read");
    } else if (!isComplete(variant) || before.text === variant.text) {
      this.#showNote(reply, isComplete(variant) ? "The new reply is the same." : (variant.error ?? "Stopped."));
    } else {
      turn.variants.push(variant);
      reply.show("pick");
      reply.element.scrollIntoView({ block: "nearest" });
    }
    this.hooks.save(chat);
  }

  #showNote(reply, note, mode = "read") {
    const variant = activeVariant(reply.turn);
    variant.note = note;
    reply.show(mode);
    delete variant.note;
  }

  async #giveFeedback(reply, changes, note, mode = "read") {
    const variant = activeVariant(reply.turn);
    try {
      await sendFeedback(variant, changes);
    } catch (error) {
      this.hooks.onError(error);
      return error.message;
    }
    this.#showNote(reply, note, mode);
    this.hooks.save(this.chat);
    this.hooks.onFeedback();
    return "";
  }

  #rate(reply, value) {
    if (value === "down") return this.#giveFeedback(reply, { value }, "Saved.", "explain");
    return this.#giveFeedback(
      reply,
      { value, reason: null, comment: null },
      value ? "Saved. More like this." : "Rating withdrawn.",
    );
  }

  async #correct(reply, text) {
    const variant = activeVariant(reply.turn);
    const correction = text?.trim() ?? null;
    if (correction === "") return "A correction cannot be empty.";
    if (correction === variant.text.trim()) return "The reply is unchanged: change something, or cancel.";
    const note = correction ? "Saved. Your model learns from this correction." : "The original reply is back.";
    return this.#giveFeedback(reply, { correction }, note);
  }

  async #pick(reply, index, loser) {
    const { turn } = reply;
    const rejected = loser === null ? null : turn.variants[loser];
    turn.active = index;
    if (rejected) {
      await this.#giveFeedback(reply, { preferred_over: rejected.id }, "Saved. Your model learns from your choice.");
    } else {
      reply.show("read");
      this.hooks.save(this.chat);
    }
  }

  #turnTo(reply, index) {
    reply.turn.active = index;
    reply.show("read");
    this.hooks.save(this.chat);
  }

  #scrollDown() {
    const box = this.element.parentElement;
    box.scrollTop = box.scrollHeight;
  }

  /** Draws, and scrolls to the end if the end was in view before. */
  #keepingTheEnd(draw) {
    const box = this.element.parentElement;
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 140;
    draw();
    if (isAtEnd) this.#scrollDown();
  }
}
