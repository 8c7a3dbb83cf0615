"""LangChain's `ChatOpenAI`, with chat completions and with responses."""

from functools import reduce
from operator import add

from forced import API_KEY, BASE_URL, CHOICES, MAX_TOKENS, MODEL, QUESTION, TOOLS, check
from langchain_openai import ChatOpenAI

for uses_responses in (False, True):
    model = ChatOpenAI(
        base_url=BASE_URL,
        api_key=API_KEY,
        model=MODEL,
        temperature=0,
        max_tokens=MAX_TOKENS,
        max_retries=0,
        timeout=600,
        use_responses_api=uses_responses,
    )
    for choice in CHOICES:
        bound = model.bind_tools(TOOLS, tool_choice="any" if choice == "required" else choice)
        [call] = bound.invoke(QUESTION).tool_calls
        check(call["name"], call["args"], choice)

        [call] = reduce(add, bound.stream(QUESTION)).tool_calls
        check(call["name"], call["args"], choice)

    structured = model.with_structured_output(TOOLS[0], method="function_calling")
    check("weather", structured.invoke(QUESTION))
