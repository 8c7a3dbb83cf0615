// One reply from the model, streamed.

import { ApiError, call, events, send } from "./api.js";

let model = null;

/**
 * Asks for a reply and calls `onText` with the whole text so far, again and again. Resolves to a
 * variant; one that was stopped or broke off keeps its text, and says so in `ending`.
 */
export async function complete({ chatId, messages, sampling, adapter, signal, onText }) {
  const variant = { id: null, text: "", adapter: adapter ?? "base", ending: "stopped", error: null, setAside: [] };
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
  variant.setAside = chunk.loralei?.set_aside ?? variant.setAside;
  for (const choice of chunk.choices) {
    variant.text += choice.delta.content ?? "";
    variant.ending = choice.finish_reason ?? variant.ending;
  }
}

/** Whether a reply can be judged: it ended by itself and the server knows it. */
export function isComplete(variant) {
  return variant.id !== null && (variant.ending === "stop" || variant.ending === "length");
}
