// OpenAI's own SDK with its Responses API.

import assert from "node:assert/strict";

import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { apiKey, baseURL, model, question } from "./server.mjs";

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const { responses } = client;
const asked = { model, input: question };
const Trip = z.object({ city: z.enum(["Rome", "Oslo"]), days: z.literal([1, 2, 3]) });
const tools = [zodResponsesFunction({ name: "book", parameters: Trip })];

// Greedy: a random model's samples may be pieces of characters, which make no text.
const short = { ...asked, temperature: 0, max_output_tokens: 8 };
const whole = await responses.create(short);
assert.ok(whole.output_text);
assert.equal(whole.status, "incomplete");

let text = "";
let last;
for await (const event of await responses.create({ ...short, stream: true })) {
  if (event.type === "response.output_text.delta") text += event.delta;
  last = event;
}
assert.equal(text, whole.output_text);
assert.equal(last.type, "response.incomplete");
assert.equal(last.response.usage.output_tokens, 8);

const format = { text: { format: zodTextFormat(Trip, "trip") } };
const parsed = await responses.parse({ ...asked, ...format });
Trip.parse(parsed.output_parsed);

const final = await responses.stream({ ...asked, ...format }).finalResponse();
Trip.parse(final.output_parsed);
assert.equal(final.status, "completed");

const calling = { ...asked, tools, tool_choice: "required" };
const called = await responses.parse(calling);
Trip.parse(called.output[0].parsed_arguments);

const streamed = await responses.stream(calling).finalResponse();
const [call] = streamed.output;
assert.equal(call.name, "book");
Trip.parse(JSON.parse(call.arguments));

const answer = { type: "function_call_output", call_id: call.call_id, output: "booked" };
const rest = { model, tools, tool_choice: "none", temperature: 0, max_output_tokens: 8 };
const continued = await responses.create({ ...rest, previous_response_id: streamed.id, input: [answer] });
const sent = await responses.create({ ...rest, input: [{ role: "user", content: question }, call, answer] });
assert.equal(continued.output_text, sent.output_text);

const stored = await responses.retrieve(continued.id);
assert.equal(stored.output_text, continued.output_text);
await responses.delete(continued.id);
await assert.rejects(responses.retrieve(continued.id), OpenAI.NotFoundError);

await assert.rejects(responses.create({ ...asked, tools: [{ type: "web_search" }] }), (error) => {
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal(error.param, "tools[0].type");
  return true;
});

const old = await client.completions.create({ model, prompt: question, temperature: 0, max_tokens: 8 });
assert.ok(old.choices[0].text);
