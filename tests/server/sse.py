"""Reads server-sent events as strictly as they were written."""

import json
from typing import Any

import httpx

Json = dict[str, Any]


def raw_events(response: httpx.Response) -> list[str]:
    """The text of each event, comments included."""
    text = response.read().decode()
    assert text.endswith("\n\n")
    return text[:-2].split("\n\n")


def chunks(response: httpx.Response) -> list[Json]:
    """The JSON of each event before `[DONE]`, which must be there."""
    events = raw_events(response)
    assert events[-1] == "data: [DONE]"
    data = [event for event in events[:-1] if not event.startswith(":")]
    assert all(event.startswith("data: ") for event in data)
    return [json.loads(event.removeprefix("data: ")) for event in data]


def text_of(received: list[Json], index: int = 0) -> str:
    """The text of one choice."""
    choices = [choice for chunk in received for choice in chunk["choices"]]
    return "".join(c["delta"].get("content", "") for c in choices if c["index"] == index)
