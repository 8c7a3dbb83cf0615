// Streams one reply of the model.

import { ApiError, call, events, send } from "../shared/api.js";

let model = null;

// Another reply has to differ from the first, so it is sampled more freely.
const ANOTHER = { temperature: 0.9, top_p: 0.95 };

/**
 * Requests a reply and calls `onText` with the variant so far whenever there is more text. Resolves to
 * the variant. If the reply was stopped or broke off, `ending` says so and `text` is what arrived.
 * The server's defaults decide how it is sampled, unless it `isAnother` reply to the same messages.
 * With `isBaseAlone` the base model answers without the user's memory.
 */
export async function complete({ chatId, messages, isAnother = false, isBaseAlone = false, signal, onText }) {
  const variant = {
    id: null,
    text: "",
    reasoning: "",
    adapter: "base",
    memory: null,
    ending: "stopped",
    error: null,
    overriddenRules: [],
    notStored: null,
  };
  try {
    model ??= (await call("GET", "/v1/models", { signal })).data[0];
    const sampling = isAnother ? freer(model.sampling) : {};
    const body = { model: model.id, messages, stream: true, ...sampling };
    if (isBaseAlone) body.loralei = { adapter: "base", memory: false };
    const response = await send("POST", "/v1/chat/completions", {
      body,
      signal,
      headers: { "X-Loralei-Chat-Id": chatId },
    });
    variant.adapter = response.headers.get("x-loralei-adapter") ?? variant.adapter;
    for await (const data of events(response)) {
      if (data === "[DONE]") break;
      absorb(variant, JSON.parse(data));
      onText(variant);
    }
    if (variant.ending === "stopped") throw new ApiError(0, "The connection broke before the reply ended.");
  } catch (error) {
    if (error.name !== "AbortError") {
      variant.ending = "error";
      variant.error = error instanceof ApiError ? error.message : "The connection broke before the reply ended.";
      if (error.status === 401) throw error;
    }
  }
  return variant;
}

function freer({ temperature, top_p }) {
  return { temperature: Math.max(ANOTHER.temperature, temperature), top_p: Math.max(ANOTHER.top_p, top_p) };
}

function absorb(variant, chunk) {
  if (chunk.error) throw new ApiError(500, chunk.error.message);
  variant.id ??= chunk.id;
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
