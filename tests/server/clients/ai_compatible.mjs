// The AI SDK with its provider for servers that speak OpenAI's API.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";

import { checkModel } from "./ai_sdk.mjs";
import { apiKey, baseURL, model } from "./server.mjs";

const loralei = createOpenAICompatible({
  name: "loralei",
  baseURL,
  apiKey,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
await checkModel(loralei(model));
