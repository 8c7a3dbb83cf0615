// One chat on the screen: its messages and replies, and what the user does with them. One reply at a time.

import { LEFT } from "../shared/api.js";
import { button, h, paced, put } from "../shared/dom.js";
import { GrowingMarkdown } from "../text/markdown.js";
import { complete, follow, isComplete } from "./completion.js";
import { sendFeedback } from "./feedback.js";
import { QuestionView } from "./question.js";
import { Reasoning } from "./reasoning.js";
import { Reply } from "./reply.js";
import {
  activeVariant,
  addQuestion,
  addVariant,
  endOf,
  messagesFor,
  parentOf,
  pathOf,
  takeUnfinished,
} from "./tree.js";

const STARTS = [
  "Explain photosynthesis to a child.",
  "Write a short note to thank a colleague.",
  "What should I cook with rice and eggs?",
];

export class Thread {
  /**
   * `hooks`: onReply(chat, variant), onChoice(question), onChange(chat), onError(error), onFeedback(),
   * onWriting(isWriting), onTaken(chat), onEnded(chat), isOld(variant).
   */
  constructor(element, hooks) {
    this.element = element;
    this.hooks = hooks;
    this.chat = null;
    this.writing = null;
    this.drawn = [];
    this.actions = {
      again: (reply) => this.#another(reply, { isAnother: true }),
      change: (place, text) => this.#change(place, text),
      compare: (reply) => this.#another(reply, { answering: "base alone" }),
      correct: (reply, text) => this.#correct(reply, text),
      explain: (reply, changes) => this.#giveFeedback(reply, changes, "Thank you, saved."),
      isOld: (variant) => this.hooks.isOld(variant),
      pick: (reply, index, loser) => this.#pick(reply, index, loser),
      rate: (reply, value) => this.#rate(reply, value),
      retry: (reply) => this.#another(reply, {}),
      turnTo: (reply, index) => this.#turnTo(reply, index),
      turnToQuestion: (place, index) => this.#turnToQuestion(place, index),
    };
  }

  get isWriting() {
    return this.writing !== null;
  }

  /** Whether the user edits a message or a reply here, or compares two. */
  get isBusy() {
    return this.isWriting || this.element.querySelector("form, .pair") !== null;
  }

  /** Shows this chat, and follows the reply that the server is still writing in it. */
  show(chat) {
    this.chat = chat;
    put(this.element);
    this.drawn = [];
    const unfinished = takeUnfinished(chat);
    this.#drawFrom(0);
    if (unfinished) this.#resume(chat, unfinished);
    if (this.drawn.length === 0) this.element.append(this.#welcome());
    this.#scrollDown();
  }

  /** Draws the replies again: some may be old now. */
  refresh() {
    for (const { reply } of this.drawn) reply?.refresh();
  }

  /** Draws the chat from this message on. */
  #drawFrom(index) {
    for (const { elements } of this.drawn.splice(index)) for (const each of elements) each.remove();
    this.element.querySelector(".unanswered")?.remove();
    for (const place of pathOf(this.chat).slice(index)) {
      const view = new QuestionView(place, this.actions);
      const reply = place.question.variants.length ? new Reply(place.question, this.actions) : null;
      const elements = [view.element, reply?.element].filter(Boolean);
      this.drawn.push({ place, view, reply, elements });
      this.element.append(...elements);
    }
    const last = this.drawn.at(-1);
    if (last && !last.reply) this.element.append(this.#unanswered(last.place.question));
  }

  #indexOf(question) {
    return this.drawn.findIndex(({ place }) => place.question === question);
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

  /** Adds the user's message and streams the reply. False if another reply is being written. */
  say(text) {
    const { chat } = this;
    if (this.isWriting || chat === null) return false;
    this.element.querySelector(".welcome")?.remove();
    this.#ask(endOf(chat), text);
    return true;
  }

  /** A changed message begins a branch beside the earlier one. */
  #change({ branch, question }, text) {
    if (this.isWriting) return;
    const index = this.#indexOf(question);
    this.#ask(branch, text, index);
  }

  #ask(branch, text, index = this.drawn.length) {
    const question = addQuestion(branch, text);
    this.#drawFrom(index);
    this.hooks.onChange(this.chat);
    this.#answer(this.chat, question);
  }

  #answer(chat, question) {
    const request = (how) => this.#write(chat, question, { ...how, answering: chat.answering });
    return this.#whileWriting((signal) => this.#append(chat, question, signal, request));
  }

  async #resume(chat, { question, variant: { id } }) {
    /** @type {any} */
    let resumed = null;
    const request = async ({ signal, draw }) => {
      resumed = await follow({ id }, { signal, onText: this.#drawing(draw) });
      return resumed;
    };
    await this.#whileWriting((signal) => this.#append(chat, question, signal, request));
    if (resumed?.errorStatus) this.hooks.onEnded(chat);
  }

  async #append(chat, question, signal, request) {
    this.element.querySelector(".unanswered")?.remove();
    const { holder, draw } = this.#placeholder();
    this.element.append(holder);
    this.#scrollDown();
    const variant = await request({ signal, draw });
    if (!variant) {
      holder.replaceWith(this.#unanswered(question));
      return;
    }
    addVariant(question, variant);
    const isReading = holder.querySelector(".reasoning").open;
    this.#keepingTheEnd(() => {
      holder.remove();
      if (this.chat === chat) this.#drawFrom(this.#indexOf(question));
    });
    this.drawn.at(-1)?.reply?.element.querySelector(".reasoning")?.toggleAttribute("open", isReading);
    this.hooks.onReply(chat, variant);
  }

  #unanswered(question) {
    return h(
      "p",
      { class: "unanswered" },
      button("Answer this", () => this.#answer(this.chat, question)),
    );
  }

  /** Stops the reply that is being written; resolves when its text so far is drawn. */
  stop() {
    return this.#end();
  }

  /** Leaves the reply that is being written to the server; resolves when this page no longer reads it. */
  leave() {
    return this.#end(LEFT);
  }

  /** @param {string} [reason] */
  async #end(reason) {
    this.writing?.controller.abort(reason);
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

  /** Streams a reply to this question and draws it. Null if it was left, or the key was refused. */
  async #write(chat, question, { signal, draw, answering, isAnother = false }) {
    const onText = this.#drawing(draw);
    const onTaken = () => this.hooks.onTaken(chat);
    try {
      const messages = messagesFor(chat, question);
      const parent = parentOf(chat, question);
      return await complete({ chat, messages, parent, answering, isAnother, signal, onText, onTaken });
    } catch (error) {
      this.hooks.onError(error);
      return null;
    }
  }

  #drawing(draw) {
    return paced((variant) => this.#keepingTheEnd(() => draw(variant)));
  }

  #another(reply, how) {
    const { chat } = this;
    return this.#whileWriting((signal) => this.#addVariant(chat, reply, { answering: chat.answering, ...how }, signal));
  }

  async #addVariant(chat, reply, how, signal) {
    const { question } = reply;
    const isBase = how.answering === "base alone";
    const { holder, draw } = this.#placeholder(isBase ? "base model, writing …" : "writing another reply …");
    reply.element.after(holder);
    holder.scrollIntoView({ block: "nearest" });
    const variant = await this.#write(chat, question, { signal, draw, ...how });
    holder.remove();
    if (!variant) return;
    const before = activeVariant(question);
    if (!isComplete(before)) {
      question.variants[question.active] = variant;
      reply.show("read");
    } else if (!isComplete(variant) || before.text === variant.text) {
      this.#showNote(reply, isComplete(variant) ? "The new reply is the same." : (variant.error ?? "Stopped."));
    } else {
      addVariant(question, variant, { isShown: false });
      reply.show("pick");
      reply.element.scrollIntoView({ block: "nearest" });
    }
    this.hooks.onReply(chat, variant);
  }

  #showNote(reply, note, mode = "read") {
    const variant = activeVariant(reply.question);
    variant.note = note;
    reply.show(mode);
    delete variant.note;
  }

  async #giveFeedback(reply, changes, note, mode = "read") {
    const variant = activeVariant(reply.question);
    try {
      await sendFeedback(variant, changes);
    } catch (error) {
      this.hooks.onError(error);
      return error.message;
    }
    this.#showNote(reply, note, mode);
    this.hooks.onChange(this.chat);
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
    const variant = activeVariant(reply.question);
    const correction = text?.trim() ?? null;
    if (correction === "") return "A correction cannot be empty.";
    if (correction === variant.text.trim()) return "The reply is unchanged: change something, or cancel.";
    const note = correction ? "Saved. Your model learns from this correction." : "The original reply is back.";
    return this.#giveFeedback(reply, { correction }, note);
  }

  async #pick(reply, index, loser) {
    const rejected = loser === null ? null : reply.question.variants[loser];
    this.#turnTo(reply, index);
    if (rejected) {
      await this.#giveFeedback(reply, { preferred_over: rejected.id }, "Saved. Your model learns from your choice.");
    }
  }

  #turnTo(reply, index) {
    reply.question.active = index;
    reply.show("read");
    this.#drawFrom(this.#indexOf(reply.question) + 1);
    this.hooks.onChoice(reply.question);
  }

  #turnToQuestion({ branch, question }, index) {
    if (this.isWriting) return;
    const place = this.#indexOf(question);
    branch.active = index;
    this.#drawFrom(place);
    this.drawn[place].elements[0].querySelector(".pager button:not(:disabled)")?.focus();
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
