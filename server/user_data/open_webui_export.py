"""Reads Open WebUI's feedback export: a list of ratings, each with a snapshot of its chat. Pure.

A rated reply becomes rows of our own JSON lines: the turn as far as the snapshot shows it, the
rating, and the turn that the reply replaced, if there is one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from feedback.conversation import conversation_id, is_temporary
from feedback.records import Message
from feedback.validation import END_OF_TIME

MAX_DEPTH = 4096
MAX_COMMENT = 4000
JsonRow = dict[str, Any]

_LIKES = {
    *("accurate_information", "followed_instructions_perfectly", "showcased_creativity"),
    *("positive_attitude", "attention_to_detail", "thorough_explanation"),
}
_DISLIKES = {
    *("dont_like_the_style", "too_verbose", "not_helpful", "not_factually_correct"),
    *("didnt_fully_follow_instructions", "refused_when_it_shouldnt_have", "being_lazy"),
}
_REASONING = re.compile(r"<details\b.*?</details>", re.DOTALL)


class UnusableRatingError(ValueError):
    """A row of the export from which nothing can be learned; the message says why."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One row of the export: who rated which message of which chat, and how."""

    id: str
    user: str
    chat_id: str
    message_id: str
    data: Mapping[str, Any]
    messages: Mapping[str, Any]
    system: str | None
    created_at: float
    updated_at: float


def parse_rating(row: Any) -> Rating:
    """Read one row of the export. Raises `UnusableRatingError`."""
    row = _mapping(row, "it is not a JSON object")
    if row.get("type") != "rating":
        raise UnusableRatingError("it is not a rating")
    meta = _mapping(row.get("meta"), "it does not name its message")
    snapshot = _mapping(row.get("snapshot"), "it has no snapshot of its chat")
    outer = _mapping(snapshot.get("chat"), "it has no snapshot of its chat")
    chat = _mapping(outer.get("chat"), "it has no snapshot of its chat")
    history = _mapping(chat.get("history"), "its chat has no history")
    chat_id = _text(meta.get("chat_id") or outer.get("id"), "it does not name its chat")
    if is_temporary(chat_id):
        raise UnusableRatingError("it is of a temporary chat")
    params = chat.get("params")
    system = params.get("system") if isinstance(params, Mapping) else None
    return Rating(
        id=_text(row.get("id"), "it has no id"),
        user=_text(row.get("user_id"), "it names no user"),
        chat_id=chat_id,
        message_id=_text(meta.get("message_id"), "it does not name its message"),
        data=_mapping(row.get("data"), "it has no data"),
        messages=_mapping(history.get("messages"), "its chat has no history"),
        system=system if isinstance(system, str) and system.strip() else None,
        created_at=_time(row.get("created_at")),
        updated_at=_time(row.get("updated_at")),
    )


def to_rows(rating: Rating, user_id: str) -> list[JsonRow]:
    """The rows of our JSON lines: turns, then the feedback on the first of them.

    Raises `UnusableRatingError`.
    """
    prompt = _prompt(rating)
    turns = [_turn(rating, user_id, rating.message_id, prompt)]
    fields = rating_fields(rating.data)
    loser = replaced_by(rating.message_id, rating.messages) if fields["value"] == 1 else None
    if loser is not None:
        try:
            turns.append(_turn(rating, user_id, loser, prompt))
        except UnusableRatingError:
            loser = None
    if fields["value"] is None and fields["comment"] is None:
        raise UnusableRatingError("it has neither a thumb nor a comment")
    feedback = {
        "type": "feedback",
        "id": f"openwebui-{rating.id}",
        "target": turns[0]["id"],
        "created_at": rating.created_at,
        "updated_at": rating.updated_at,
        "correction": None,
        "preferred_over": turns[1]["id"] if loser is not None else None,
        **fields,
    }
    return [*turns, feedback]


def rating_fields(data: Mapping[str, Any]) -> JsonRow:
    """The thumb, and the reason, comment and score that belong to it.

    The score is metadata; without a thumb, 6 and more are a like. What was said with the other
    thumb, before it was changed, is left out.
    """
    details = data.get("details", {})  # null: the thumb was changed, and no more was said since
    score = details.get("rating") if isinstance(details, Mapping) else None
    score = score if isinstance(score, int) and 1 <= score <= 10 else None
    value = {"1": 1, "-1": -1}.get(str(data.get("rating")))
    if value is None and score is not None:
        value = 1 if score > 5 else -1
    reason, comment = data.get("reason"), data.get("comment")
    is_stale = details is None or not isinstance(comment, str) or not comment.strip()
    of_other = _DISLIKES if value == 1 else _LIKES
    is_known = isinstance(reason, str) and reason and reason not in of_other
    fits = score is not None and (score > 5) == (value == 1)
    return {
        "value": value,
        "reason": reason if is_known else None,
        "comment": None if is_stale else str(comment).strip()[:MAX_COMMENT],
        "metadata": {"score": str(score)} if fits else {},
    }


def replaced_by(message_id: str, messages: Mapping[str, Any]) -> str | None:
    """The reply that this one was preferred over: the one before it, or else the last one.

    A reply that is liked, too, did not lose.
    """
    parent = _lookup(messages, _lookup(messages, message_id).get("parentId"))
    children = parent.get("childrenIds")
    children = children if isinstance(children, list) else []
    siblings = [each for each in children if isinstance(each, str) and each in messages]
    if message_id not in siblings:
        return None
    at = siblings.index(message_id)
    for each in [*reversed(siblings[:at]), *reversed(siblings[at + 1 :])]:
        annotation = _lookup(messages, each).get("annotation")
        liked = isinstance(annotation, Mapping) and str(annotation.get("rating")) == "1"
        if not liked:
            return each
    return None


def _prompt(rating: Rating) -> tuple[Message, ...]:
    """The messages before the rated one, oldest first."""
    if rating.message_id not in rating.messages:
        raise UnusableRatingError("the rated message is not in the snapshot")
    path: list[Message] = []
    seen: set[str] = set()
    at = _lookup(rating.messages, rating.message_id).get("parentId")
    while at is not None:
        if not isinstance(at, str) or at in seen or len(seen) >= MAX_DEPTH:
            raise UnusableRatingError("its chat has no beginning")
        seen.add(at)
        message = _lookup(rating.messages, at)
        path.append(Message(_role(message), _content(message)))
        at = message.get("parentId")
    if not path:
        raise UnusableRatingError("nothing was asked before the rated message")
    system = (Message("system", rating.system),) if rating.system else ()
    return (*system, *reversed(path))


def _turn(rating: Rating, user_id: str, message_id: str, prompt: Sequence[Message]) -> JsonRow:
    message = _lookup(rating.messages, message_id)
    if _role(message) != "assistant":
        raise UnusableRatingError("the rated message is not a reply")
    if message.get("error") or message.get("done") is False:
        raise UnusableRatingError("the rated reply is not finished")
    model = message.get("model") or rating.data.get("model_id")
    at = message.get("timestamp")
    return {
        "type": "interaction",
        # Depends on user and message alone, so that a second import finds the first.
        "id": f"chatcmpl-{sha256(f'{user_id} {message_id}'.encode()).hexdigest()[:32]}",
        "conversation_id": conversation_id(user_id, rating.chat_id, prompt),
        "created_at": _time(at) if at is not None else rating.created_at,
        "model": model if isinstance(model, str) else "",
        "adapter": "base",
        "messages": [{"role": each.role, "content": each.content} for each in prompt],
        "replies": [_content(message)],
        "finish_reasons": ["stop"],
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "kind": "chat",
        "status": "complete",
        "listed": False,
        "metadata": {},
        "message_id": message_id,
    }


def _role(message: Mapping[str, Any]) -> str:
    role = message.get("role")
    if role not in ("system", "user", "assistant"):
        raise UnusableRatingError("a message of its chat has no role")
    return str(role)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if not isinstance(content, str):
        raise UnusableRatingError("a message of its chat is not text")
    if message.get("role") == "assistant":
        content = _REASONING.sub("", content).strip()
    if not content:
        raise UnusableRatingError("a message of its chat is empty")
    return content


def _lookup(messages: Mapping[str, Any], message_id: Any) -> Mapping[str, Any]:
    """The message with this id, or an empty one."""
    found = messages.get(message_id) if isinstance(message_id, str) else None
    return found if isinstance(found, Mapping) else {}


def _mapping(value: Any, why_not: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UnusableRatingError(why_not)
    return value


def _text(value: Any, why_not: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UnusableRatingError(why_not)
    return value


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableRatingError("it has no time")
    if not 0 <= value < END_OF_TIME:  # also refuses NaN
        raise UnusableRatingError("its time is no time")
    return float(value)
