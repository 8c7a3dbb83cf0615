// A chat as a tree. A chat is {id, title, isStored, system, answering, start}. `start` is a branch point:
// {questions, active}. A question is {text, variants, active}; its variants are the replies to it. A
// variant is one reply with the feedback on it; `next` is the branch point after it. The path from the
// start along what is active is what the page shows.

const TITLE_LENGTH = 60;

/** A branch point where nothing was asked yet. */
export function newBranch() {
  return { questions: [], active: 0, at: 0 };
}

/** A new chat. The server knows it once it has a reply. */
export function newChat() {
  return { id: newId(), title: "New chat", isStored: false, system: "", answering: "", start: newBranch() };
}

// crypto.randomUUID exists only on https and localhost; people also open http://192.168.…
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A title for a chat that begins with this message. */
export function titleOf(text) {
  const line = text.split(/\s+/).join(" ").trim();
  return line.length > TITLE_LENGTH ? `${line.slice(0, TITLE_LENGTH)}…` : line;
}

/** Adds a question at a branch point, and makes it the one that is shown. */
export function addQuestion(branch, text) {
  const question = { text, variants: [], active: 0 };
  branch.active = branch.questions.push(question) - 1;
  return question;
}

/** Adds a reply to a question. It is shown unless `isShown` is false. */
export function addVariant(question, variant, { isShown = true } = {}) {
  const index = question.variants.push(variant) - 1;
  if (isShown) question.active = index;
  return index;
}

/** The reply to a question that the page shows and later requests contain. */
export function activeVariant(question) {
  return question.variants[question.active];
}

/** The text of a reply, as corrected if it was. */
export function textOf(variant) {
  return variant.feedback?.correction ?? variant.text;
}

/** What is shown, from the start: [{branch, question}]. */
export function pathOf(chat) {
  const path = [];
  let branch = chat.start;
  while (branch?.questions.length) {
    const question = branch.questions[branch.active];
    path.push({ branch, question });
    branch = activeVariant(question)?.next;
  }
  return path;
}

/** Takes a reply that the server is still writing out of what is shown: {question, variant}, or null. */
export function takeUnfinished(chat) {
  for (const { question } of pathOf(chat)) {
    const index = question.variants.findIndex(({ ending }) => ending === "writing");
    if (index < 0) continue;
    const [variant] = question.variants.splice(index, 1);
    question.active = Math.max(0, question.variants.length - 1);
    return { question, variant };
  }
  return null;
}

/** The branch point where the next message goes. */
export function endOf(chat) {
  const last = pathOf(chat).at(-1);
  if (!last) return chat.start;
  return activeVariant(last.question)?.next ?? last.branch;
}

/** The id of the reply before this question; null for the first. */
export function parentOf(chat, asked) {
  const path = pathOf(chat);
  const before = path[path.findIndex(({ question }) => question === asked) - 1];
  return before ? (activeVariant(before.question)?.id ?? null) : null;
}

/** The messages of a request for a reply to this question. */
export function messagesFor(chat, asked) {
  const messages = chat.system.trim() ? [{ role: "system", content: chat.system.trim() }] : [];
  for (const { question } of pathOf(chat)) {
    messages.push({ role: "user", content: question.text });
    if (question === asked) break;
    const variant = activeVariant(question);
    if (variant) messages.push({ role: "assistant", content: textOf(variant) });
  }
  return messages.filter((message) => message.content.trim());
}

/**
 * The chat that `/v1/chats/{id}` describes. `known` is what this browser knows beside it: `replies`
 * by id, and `shown`, the reply chosen last for each question, {id, at}, by the question's first reply.
 */
export function fromServer(described, known) {
  const start = newBranch();
  const places = new Map();
  for (const turn of described.turns) {
    const parent = places.get(turn.parent);
    const place = { parent, turn, ...placeOf(turn, parent ? parent.variant.next : start, known) };
    places.set(turn.id, place);
    for (let each = place; each; each = each.parent) showPlace(each, turn.created_at);
  }
  for (const { question } of places.values()) chooseVariant(question, known.shown);
  const last = described.turns.at(-1);
  return {
    id: described.id,
    title: described.title,
    isStored: true,
    system: last?.system ?? "",
    answering: "",
    hasMore: described.has_more,
    start,
  };
}

function placeOf(turn, branch, known) {
  const said = [...turn.messages];
  const text = said.pop()?.content ?? "";
  for (const { role, content } of said) {
    if (role === "user") addQuestion(branch, content);
    else if (role === "assistant" && branch.questions.length) {
      const variant = { id: null, text: content, ending: "unknown", adapter: null, next: newBranch() };
      addVariant(branch.questions.at(-1), variant);
      branch = variant.next;
    }
  }
  const question = branch.questions.find((each) => each.text === text) ?? addQuestion(branch, text);
  const variant = variantOf(turn, known.replies[turn.id]);
  addVariant(question, variant);
  return { branch, question, variant };
}

function showPlace({ branch, question, variant }, at) {
  branch.active = branch.questions.indexOf(question);
  question.active = question.variants.indexOf(variant);
  question.at = at;
}

/** Shows the reply that was chosen here since the newest turn, or that was preferred. */
function chooseVariant(question, shown) {
  const chosen = shown[question.variants[0].id];
  const index = question.variants.findIndex((each) => each.id === chosen?.id);
  const preferred = question.variants.findIndex((each) => each.feedback?.preferred_over);
  if (index >= 0 && chosen.at >= question.at) question.active = index;
  else if (preferred >= 0 && !activeVariant(question).next.questions.length) question.active = preferred;
}

const ENDINGS = { complete: "stop", aborted: "stopped", writing: "writing" };

function variantOf(turn, known = {}) {
  return {
    id: turn.id,
    text: turn.reply,
    at: turn.created_at,
    adapter: turn.adapter,
    ending: turn.finish_reason === "length" ? "length" : (ENDINGS[turn.status] ?? "stopped"),
    error: null,
    notStored: null,
    reasoning: known.reasoning ?? "",
    memory: known.memory ?? null,
    overriddenRules: known.overriddenRules ?? [],
    leftOut: known.leftOut ?? 0,
    feedback: merged(turn.feedback),
    next: newBranch(),
  };
}

/** The feedback on one reply as one item; the newest counts. */
function merged(items) {
  const feedback = {};
  for (const item of items) {
    if (item.value) feedback.value = item.value > 0 ? "up" : "down";
    for (const name of ["correction", "preferred_over", "comment", "reason"]) {
      if (item[name]) feedback[name] = item[name];
    }
  }
  return feedback;
}
