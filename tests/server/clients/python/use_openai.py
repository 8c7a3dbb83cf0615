"""OpenAI's own SDK."""

from forced import API_KEY, BASE_URL, CHOICES, MAX_TOKENS, MESSAGES, MODEL, TOOLS, check
from openai import OpenAI

client = OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0, timeout=600)
for choice in CHOICES:
    asked = {
        "model": MODEL,
        "messages": MESSAGES,
        "tools": TOOLS,
        "tool_choice": choice,
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
    }
    whole = client.chat.completions.create(**asked).choices[0]
    assert whole.finish_reason == "tool_calls", whole
    assert whole.message.content is None
    [call] = whole.message.tool_calls
    check(call.function.name, call.function.arguments, choice)

    name, arguments, reasons = "", "", []
    for chunk in client.chat.completions.create(**asked, stream=True):
        part = chunk.choices[0]
        reasons.append(part.finish_reason)
        assert not part.delta.content
        for new in part.delta.tool_calls or []:
            assert new.index == 0
            name += new.function.name or ""
            arguments += new.function.arguments or ""
    assert reasons[-1] == "tool_calls"
    check(name, arguments, choice)

    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    check(call.function.name, call.function.arguments, choice)
