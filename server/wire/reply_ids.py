"""Ids of responses and of their items. All derive from the completion's, so they are stable."""

import re
from dataclasses import dataclass

_COMPLETION, _RESPONSE = "chatcmpl-", "resp_"
_RESPONSE_ID = re.compile(r"resp_([0-9a-f]{32})")
_ITEM_ID = re.compile(r"(msg|fc|rs)_([0-9a-f]{32})(?:_([0-9]{1,4}))?")


def response_id(completion_id: str) -> str:
    """The id of the response that a completion is."""
    return _RESPONSE + completion_id.removeprefix(_COMPLETION)


def completion_id(name: str) -> str:
    """The id of the completion that a response is; any other name as it is."""
    found = _RESPONSE_ID.fullmatch(name)
    return f"{_COMPLETION}{found[1]}" if found else name


def message_id(completion_id: str) -> str:
    """The id of the item with the reply's text."""
    return f"msg_{completion_id.removeprefix(_COMPLETION)}"


def reasoning_id(completion_id: str) -> str:
    """The id of the item with the reply's reasoning."""
    return f"rs_{completion_id.removeprefix(_COMPLETION)}"


def call_item_id(completion_id: str, number: int) -> str:
    """The id of the item with the reply's call of this number."""
    return f"fc_{completion_id.removeprefix(_COMPLETION)}_{number}"


@dataclass(frozen=True, slots=True)
class StoredItem:
    """Where an item is stored: its completion, and the number of the call if it is one.

    Reasoning is not stored.
    """

    completion_id: str
    is_reasoning: bool = False
    call: int | None = None


def stored_item(item_id: str) -> StoredItem | None:
    """What an item's id says; None if no response has items with such ids."""
    found = _ITEM_ID.fullmatch(item_id)
    if found is None or (found[1] == "fc") != (found[3] is not None):
        return None
    return StoredItem(
        f"{_COMPLETION}{found[2]}",
        is_reasoning=found[1] == "rs",
        call=None if found[3] is None else int(found[3]),
    )
