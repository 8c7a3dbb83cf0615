// Streams one reply of the model.

import { ApiError, LEFT, call, events, send } from "../shared/api.js";
import { newBranch } from "./tree.js";

/** @type {any} */
let model = null;

// Another reply has to differ from the first, so it is sampled more freely.
const ANOTHER = { temperature: 0.9, top_p: 0.95 };

/** Who may answer: the value of a chat's `answering`, and what the request says then. */
export const ANSWERING = { "": null, base: { adapter: "base" }, "base alone": { adapter: "base", memory: false } };

function emptyVariant() {
  return {
    id: null,
    at: Date.now() / 1000,
    text: "",
    reasoning: "",
    adapter: "base",
    memory: null,
    ending: "stopped",
    error: null,
    errorStatus: null,
    overriddenRules: [],
    leftOut: 0,
    notStored: null,
    next: newBranch(),
  };
}

/**
 * Requests a reply and calls `onText` with the variant so far whenever there is more text. Resolves to
 * the variant. If the reply was stopped or broke off, `ending` says so and `text` is what arrived.
 * If the signal aborts with `LEFT`, it is null, and the server writes on.
 * If the page is closed meanwhile, the server writes on; `onTaken` is called once it does.
 * The server's defaults decide how it is sampled, unless it `isAnother` reply to the same messages.
 * `parent` is the id of the reply that the chat continues, if any; `answering` a key of `ANSWERING` or a
 * version. If the messages are too long, the oldest are left out.
 */
export async function complete({ chat, messages, parent, answering, isAnother = false, signal, onText, onTaken }) {
  const variant = emptyVariant();
  return receive(variant, { signal, onText }, async () => {
    model ??= (await call("GET", "/v1/models", { signal })).data[0];
    const sampling = isAnother ? freer(model.sampling) : {};
    const chosen = answering in ANSWERING ? ANSWERING[answering] : { adapter: answering };
    const loralei = { ...chosen, resumable: true };
    const metadata = parent ? { metadata: { parent } } : {};
    const body = { model: model.id, messages, stream: true, loralei, ...metadata, ...sampling };
    const response = await sendShortened(chat, body, variant);
    const id = response.headers.get("x-loralei-chat");
    if (id) {
      chat.id = id;
      onTaken();
    }
    return response;
  });
}

/** Follows a reply that the server is writing, from its beginning; otherwise as `complete`. */
export function follow({ id }, { signal, onText }) {
  const variant = { ...emptyVariant(), id };
  return receive(variant, { signal, onText }, () => send("GET", `${replyPath(id)}/events`));
}

/** Reads the stream of `begin()` until it ends or is stopped. */
async function receive(variant, { signal, onText }, begin) {
  const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve));
  await Promise.race([read(variant, { signal, onText }, begin), stopped]);
  if (signal.reason === LEFT) return null;
  // If the server has not named the reply yet, `read` stops it once it has.
  if (signal.aborted && variant.id) await stopWriting(variant.id);
  return variant;
}

async function read(variant, { signal, onText }, begin) {
  try {
    const response = await begin();
    variant.adapter = response.headers.get("x-loralei-adapter") ?? variant.adapter;
    for await (const data of events(response, signal)) {
      if (data === "[DONE]") break;
      const chunk = JSON.parse(data);
      if (signal.aborted) {
        if (signal.reason !== LEFT && !variant.id && chunk.id) await stopWriting(chunk.id);
        return;
      }
      absorb(variant, chunk);
      onText(variant);
    }
    if (variant.ending === "stopped") throw new ApiError(0, "The connection broke before the reply ended.");
  } catch (error) {
    if (signal.aborted) return;
    variant.ending = "error";
    variant.error = error instanceof ApiError ? error.message : "The connection broke before the reply ended.";
    variant.errorStatus = error.status ?? 0;
    if (error.status === 401) throw error;
  }
}

async function stopWriting(id) {
  try {
    await call("POST", `${replyPath(id)}/cancel`);
  } catch {
    // It has ended by itself, or the server is gone.
  }
}

function replyPath(id) {
  return `/v1/chat/completions/${encodeURIComponent(id)}`;
}

/** Sends the request; while it is too long, again without the older half of its earlier messages. */
async function sendShortened(chat, body, variant) {
  const headers = { "X-Loralei-Chat-Id": chat.id };
  const numSystem = body.messages.filter((message) => message.role === "system").length;
  let messages = without(body.messages, numSystem, chat.leftOut ?? 0);
  for (;;) {
    try {
      const response = await send("POST", "/v1/chat/completions", { body: { ...body, messages }, headers });
      variant.leftOut = body.messages.length - messages.length;
      chat.leftOut = variant.leftOut;
      return response;
    } catch (error) {
      const numEarlier = messages.length - numSystem - 1;
      if (error.code !== "context_length_exceeded" || numEarlier < 1) throw error;
      messages = without(messages, numSystem, Math.ceil(numEarlier / 2));
    }
  }
}

/** The messages without the oldest `count` after the system's. The first one left is the user's. */
function without(messages, numSystem, count) {
  let start = Math.min(numSystem + count, messages.length - 1);
  while (messages[start].role === "assistant") start += 1;
  return [...messages.slice(0, numSystem), ...messages.slice(start)];
}

function freer({ temperature, top_p }) {
  return { temperature: Math.max(ANOTHER.temperature, temperature), top_p: Math.max(ANOTHER.top_p, top_p) };
}

function absorb(variant, chunk) {
  if (chunk.error) throw new ApiError(500, chunk.error.message);
  variant.id ??= chunk.id;
  variant.at = chunk.created + 1; // it is cut to whole seconds
  variant.memory = chunk.loralei?.memory ?? variant.memory;
  variant.overriddenRules = chunk.loralei?.overridden_rules ?? variant.overriddenRules;
  variant.notStored = chunk.loralei?.not_stored ?? variant.notStored;
  for (const choice of chunk.choices) {
    variant.text += choice.delta.content ?? "";
    variant.reasoning += choice.delta.reasoning_content ?? "";
    variant.ending = choice.finish_reason ?? variant.ending;
  }
}

/** Whether a reply can get feedback: it ended by itself, and the server stored it. */
export function isComplete(variant) {
  return variant.id !== null && !variant.notStored && (variant.ending === "stop" || variant.ending === "length");
}
