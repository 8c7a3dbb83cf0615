"""LiteLLM, with its provider for servers that speak OpenAI's API, and its bridge to responses."""

import litellm
from forced import API_KEY, BASE_URL, CHOICES, MAX_TOKENS, MESSAGES, MODEL, TOOLS, check

for name in (f"openai/{MODEL}", f"openai/responses/{MODEL}"):
    for choice in CHOICES:
        asked = {
            "model": name,
            "api_base": BASE_URL,
            "api_key": API_KEY,
            "messages": MESSAGES,
            "tools": TOOLS,
            "tool_choice": choice,
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "num_retries": 0,
            "timeout": 600,
        }
        whole = litellm.completion(**asked).choices[0]
        assert whole.finish_reason == "tool_calls", whole
        [call] = whole.message.tool_calls
        check(call.function.name, call.function.arguments, choice)

        chunks = list(litellm.completion(**asked, stream=True))
        built = litellm.stream_chunk_builder(chunks, messages=MESSAGES).choices[0]
        assert built.finish_reason == "tool_calls", built
        [call] = built.message.tool_calls
        check(call.function.name, call.function.arguments, choice)
