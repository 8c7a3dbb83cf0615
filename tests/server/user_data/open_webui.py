"""A rating as Open WebUI 0.12.4 exports it, with the snapshot of a chat of two turns."""

from typing import Any

USER = "ff2ce63c-aa6a-4115-a41b-512bf260e9b5"
CHAT = "2a99a815-c814-4a1e-91ed-701b30cbee7a"
FIRST, REGENERATED = "reply-2a", "reply-2b"


def message(id: str, parent: str | None, children: list[str], **fields: Any) -> dict[str, Any]:
    """One message of a history."""
    return {"id": id, "parentId": parent, "childrenIds": children, "timestamp": 1796046954} | fields


def reply(id: str, parent: str, children: list[str], content: str, **fields: Any) -> dict[str, Any]:
    """One reply of a history."""
    output = [{"type": "message", "content": [{"type": "output_text", "text": content}]}]
    known = {"role": "assistant", "content": content, "done": True, "model": "smollm2-135m"}
    return message(id, parent, children, output=output, modelIdx=0, **(known | fields))


def history(**second: Any) -> dict[str, Any]:
    """The messages: a question and its reply, and another question with two replies."""
    last = reply(REGENERATED, "user-2", [], "Blue light scatters most.") | second
    return {
        "user-1": message("user-1", None, ["reply-1"], role="user", content="Hello?"),
        "reply-1": reply("reply-1", "user-1", ["user-2"], "Hello!"),
        "user-2": message(
            "user-2", "reply-1", [FIRST, REGENERATED], role="user", content="Why is the sky blue?"
        ),
        FIRST: reply(FIRST, "user-2", [], "It is a long story."),
        REGENERATED: last,
    }


def rating(
    data: dict[str, Any] | None = None,
    messages: dict[str, Any] | None = None,
    chat: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A row of the export: the second reply is liked."""
    inner = {
        "id": CHAT,
        "title": "Why is the sky blue?",
        "models": ["smollm2-135m"],
        "history": {"currentId": REGENERATED, "messages": messages or history()},
        "messages": [{"role": "user", "content": "Hello?"}],
    }
    outer = {"id": CHAT, "user_id": USER, "chat": inner | (chat or {}), "archived": False}
    return {
        "id": "85e1aeb6-4077-4d01-93cd-aa555d61da29",
        "user_id": USER,
        "version": 0,
        "type": "rating",
        "data": {
            "rating": 1,
            "model_id": "smollm2-135m",
            "sibling_model_ids": ["smollm2-135m"],
            "reason": "attention_to_detail",
            "comment": "a good length",
            "tags": ["Science"],
            "details": {"rating": 8},
        }
        | (data or {}),
        "meta": {"model_id": "smollm2-135m", "message_id": REGENERATED, "chat_id": CHAT},
        "snapshot": {"chat": outer},
        "created_at": 1796046961,
        "updated_at": 1796047070,
    } | fields
