"""LlamaIndex's `OpenAILike`."""

from typing import Literal

from forced import API_KEY, BASE_URL, CHOICES, MAX_TOKENS, MODEL, QUESTION, check
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike


def weather(city: Literal["Paris", "Oslo"]) -> str:
    """The weather in a city."""
    return "sunny"


def now() -> str:
    """The time."""
    return "noon"


llm = OpenAILike(
    api_base=BASE_URL,
    api_key=API_KEY,
    model=MODEL,
    is_chat_model=True,
    is_function_calling_model=True,
    temperature=0,
    max_tokens=MAX_TOKENS,
    max_retries=0,
    timeout=600,
)
tools = [FunctionTool.from_defaults(weather), FunctionTool.from_defaults(now)]
for choice in CHOICES:
    name = None if choice == "required" else choice["function"]["name"]
    asked = {"tools": tools, "user_msg": QUESTION, "tool_required": True, "tool_choice": name}
    whole = llm.chat_with_tools(**asked)
    [call] = llm.get_tool_calls_from_response(whole)
    check(call.tool_name, call.tool_kwargs, choice)

    last = list(llm.stream_chat_with_tools(**asked))[-1]
    [call] = llm.get_tool_calls_from_response(last)
    check(call.tool_name, call.tool_kwargs, choice)
