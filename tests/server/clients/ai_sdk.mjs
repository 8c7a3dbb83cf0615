// What the AI SDK does with a model, whichever provider made it.

import assert from "node:assert/strict";

import { APICallError, Output, generateText, streamText, tool } from "ai";
import { z } from "zod";

import { question } from "./server.mjs";

const Trip = z.object({ city: z.enum(["Rome", "Oslo"]), days: z.literal([1, 2, 3]) });
const tools = { book: tool({ inputSchema: Trip }) };

export async function checkModel(model) {
  const asked = { model, prompt: question, maxRetries: 0 };

  // Greedy: a random model's samples may be pieces of characters, which make no text.
  const short = { ...asked, temperature: 0, maxOutputTokens: 8 };
  const whole = await generateText(short);
  assert.ok(whole.text);
  assert.equal(whole.finishReason, "length");

  const streamed = streamText(short);
  let text = "";
  for await (const part of streamed.textStream) text += part;
  assert.ok(text);
  assert.equal(await streamed.finishReason, "length");

  const formed = await generateText({ ...asked, output: Output.object({ schema: Trip }) });
  Trip.parse(formed.output);

  const called = await generateText({ ...asked, tools, toolChoice: "required" });
  assert.equal(called.finishReason, "tool-calls");
  Trip.parse(called.toolCalls[0].input);

  const calling = streamText({ ...asked, tools, toolChoice: "required" });
  const [call] = await calling.toolCalls;
  assert.equal(call.toolName, "book");
  Trip.parse(call.input);

  await assert.rejects(generateText({ ...asked, temperature: 3 }), (error) => {
    assert.ok(APICallError.isInstance(error));
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /less than or equal to 2/);
    return true;
  });
}
