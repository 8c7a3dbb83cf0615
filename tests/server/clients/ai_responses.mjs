// The AI SDK with OpenAI's provider as it comes: it calls /v1/responses.

import assert from "node:assert/strict";

import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, tool } from "ai";
import { z } from "zod";

import { checkModel } from "./ai_sdk.mjs";
import { apiKey, baseURL, model, question } from "./server.mjs";

const bodies = [];
function noting(url, request) {
  bodies.push(request.body);
  return fetch(url, request);
}

const openai = createOpenAI({ baseURL, apiKey, fetch: noting });
await checkModel(openai(model));

// Later turns name earlier ones by reference, and send calls again.
const short = { model: openai(model), maxRetries: 0, temperature: 0, maxOutputTokens: 8 };
const asked = [{ role: "user", content: question }];
const first = await generateText({ ...short, messages: asked });
const messages = [...asked, ...first.response.messages, { role: "user", content: "And then?" }];
const second = await generateText({ ...short, messages });
assert.match(bodies.at(-1), /item_reference/);
assert.ok(second.text);

const previousResponseId = first.providerMetadata.openai.responseId;
const continued = await generateText({
  ...short,
  prompt: "And then?",
  providerOptions: { openai: { previousResponseId } },
});
assert.equal(continued.text, second.text);

const book = tool({ inputSchema: z.object({ city: z.enum(["Rome", "Oslo"]) }), execute: () => "booked" });
const steps = await generateText({
  model: openai(model),
  maxRetries: 0,
  temperature: 0,
  prompt: question,
  tools: { book },
  toolChoice: "required",
  stopWhen: stepCountIs(2),
});
assert.equal(steps.steps.length, 2);
assert.equal(steps.steps[0].toolResults[0].output, "booked");

// The completions of old.
const old = await generateText({ ...short, model: openai.completion(model), prompt: question });
assert.ok(old.text);
