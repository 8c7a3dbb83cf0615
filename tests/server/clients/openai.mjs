// OpenAI's own SDK.

import assert from "node:assert/strict";

import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { apiKey, baseURL, model, question } from "./server.mjs";

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const { completions } = client.chat;
const asked = { model, messages: [{ role: "user", content: question }] };
const Trip = z.object({ city: z.enum(["Rome", "Oslo"]), days: z.literal([1, 2, 3]) });
const tools = [zodFunction({ name: "book", parameters: Trip })];

// Greedy: a random model's samples may be pieces of characters, which make no text.
const short = { ...asked, temperature: 0, max_tokens: 8 };
const whole = await completions.create({ ...short, logprobs: true });
assert.ok(whole.choices[0].message.content);
assert.ok(whole.choices[0].logprobs.content.length > 0);

let text = "";
let usage;
const raw = await completions.create({ ...short, stream: true, stream_options: { include_usage: true } });
for await (const chunk of raw) {
  text += chunk.choices[0]?.delta.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.ok(text);
assert.ok(usage.completion_tokens > 0);

const final = await completions.stream(short).finalChatCompletion();
assert.ok(final.choices[0].message.content);
assert.equal(final.choices[0].finish_reason, "length");

const parsed = await completions.parse({ ...asked, response_format: zodResponseFormat(Trip, "trip") });
Trip.parse(parsed.choices[0].message.parsed);

const called = await completions.parse({ ...asked, tools, tool_choice: "required" });
assert.equal(called.choices[0].finish_reason, "tool_calls");
Trip.parse(called.choices[0].message.tool_calls[0].function.parsed_arguments);

const streamed = completions.stream({ ...asked, tools, tool_choice: "required" });
const [call] = (await streamed.finalChatCompletion()).choices[0].message.tool_calls;
assert.equal(call.function.name, "book");
Trip.parse(JSON.parse(call.function.arguments));

const answered = await completions.create({
  ...asked,
  messages: [
    ...asked.messages,
    { role: "assistant", tool_calls: [call] },
    { role: "tool", tool_call_id: call.id, content: "booked" },
  ],
  tools,
  max_tokens: 8,
});
assert.ok(answered.usage.completion_tokens > 0);

const stored = [];
for (let i = 0; i < 2; i += 1) {
  const made = await completions.create({ ...asked, max_tokens: 2, store: true });
  stored.push(made.id);
}
const listed = [];
for await (const each of completions.list({ limit: 1 })) listed.push(each.id);
assert.deepEqual(listed, stored);

await assert.rejects(completions.create({ ...asked, temperature: 3 }), (error) => {
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal(error.param, "temperature");
  return true;
});
await assert.rejects(new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
