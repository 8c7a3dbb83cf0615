// The AI SDK with OpenAI's provider; without `.chat` it would call /v1/responses.

import { createOpenAI } from "@ai-sdk/openai";

import { checkModel } from "./ai_sdk.mjs";
import { apiKey, baseURL, model } from "./server.mjs";

await checkModel(createOpenAI({ baseURL, apiKey }).chat(model));
