// Streams one reply of the model.

import { ApiError, call, events, send } from "../shared/api.js";

let model = null;

/**
 * Requests a reply and calls `onText` with the text so far whenever there is more. Resolves to a
 * variant. If the reply was stopped or broke off, `ending` says so and `text` is what arrived.
 */
export async function complete({ chatId, messages, sampling, adapter, signal, onText }) {
  const variant = {
    id: null,
    text: "",
    adapter: adapter ?? "base",
    ending: "stopped",
    error: null,
    overriddenRules: [],
  };
  try {
    model ??= (await call("GET", "/v1/models", { signal })).data[0].id;
    const body = { model, messages, stream: true, ...sampling };
    if (adapter) body.loralei = { adapter };
    const response = await send("POST", "/v1/chat/completions", {
      body,
      signal,
      headers: { "X-Loralei-Chat-Id": chatId },
    });
    variant.adapter = response.headers.get("x-loralei-adapter") ?? variant.adapter;
    for await (const data of events(response)) {
      if (data === "[DONE]") break;
      absorb(variant, JSON.parse(data));
      onText(variant.text);
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

function absorb(variant, chunk) {
  if (chunk.error) throw new ApiError(500, chunk.error.message);
  variant.id ??= chunk.id;
  variant.overriddenRules = chunk.loralei?.overridden_rules ?? variant.overriddenRules;
  for (const choice of chunk.choices) {
    variant.text += choice.delta.content ?? "";
    variant.ending = choice.finish_reason ?? variant.ending;
  }
}

/** Whether a reply can get feedback: it ended by itself, and the server stored it. */
export function isComplete(variant) {
  return variant.id !== null && (variant.ending === "stop" || variant.ending === "length");
}
