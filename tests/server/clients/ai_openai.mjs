// The AI SDK with OpenAI's provider and chat completions.

import { createOpenAI } from "@ai-sdk/openai";

import { checkModel } from "./ai_sdk.mjs";
import { apiKey, baseURL, model } from "./server.mjs";

await checkModel(createOpenAI({ baseURL, apiKey }).chat(model));
