"""Scores, as Langfuse's clients send them, become feedback. Pure."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from feedback.errors import InvalidFeedbackError
from feedback.records import Feedback
from server.wire.base import WireModel
from server.wire.requests import MAX_COMMENT_LENGTH, MAX_TAG_LENGTH, ClientId, ReplyId

_RATINGS = {
    "up": 1,
    "thumbs_up": 1,
    "thumbsUp": 1,
    "positive": 1,
    "down": -1,
    "thumbs_down": -1,
    "thumbsDown": -1,
    "negative": -1,
}
_SEPARATOR = re.compile(r" [—-] ")
# LibreChat's reasons for a thumb.
_TAGS = frozenset(
    (
        "not_matched",
        "inaccurate",
        "bad_style",
        "missing_image",
        "unjustified_refusal",
        "not_helpful",
        "other",
        "accurate_reliable",
        "creative_solution",
        "clear_well_written",
        "attention_to_detail",
    )
)


class ScoreMetadata(WireModel):
    """What LibreChat says of the rated reply."""

    message_id: Annotated[ReplyId | None, Field(alias="messageId")] = None
    user_id: Annotated[Any, Field(alias="userId")] = None
    tag: Annotated[str, StringConstraints(max_length=MAX_TAG_LENGTH)] | None = None


class ScoreRequest(WireModel):
    """The body of `POST /api/public/scores`."""

    value: Annotated[Any, WithJsonSchema({"type": ["boolean", "number", "string"]})]
    id: ClientId | None = None
    trace_id: Annotated[ReplyId | None, Field(alias="traceId")] = None
    data_type: Annotated[
        Literal["BOOLEAN", "CATEGORICAL", "NUMERIC", "TEXT", "CORRECTION"] | None,
        Field(alias="dataType"),
    ] = None
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT_LENGTH)] | None = None
    metadata: ScoreMetadata | None = None


def feedback_of(score: ScoreRequest, *, feedback_id: str, user_id: str, now: float) -> Feedback:
    """The feedback that a score means. It has the target's message id, else its trace's id.

    Raises `InvalidFeedbackError` if it names no reply, or if its value is no clear rating.
    """
    details = score.metadata or ScoreMetadata()
    target = details.message_id or score.trace_id
    if target is None:
        raise InvalidFeedbackError("Name the reply: send metadata.messageId or traceId.", "traceId")
    reason, comment = tag_and_text(score.comment or "", details.tag)
    return Feedback(
        id=feedback_id,
        user_id=user_id,
        completion_id=target,
        created_at=now,
        updated_at=now,
        value=rating_of(score.value, score.data_type),
        comment=comment or None,
        reason=reason or None,
    )


def rating_of(value: Any, data_type: str | None) -> int:
    """+1 or -1. Raises `InvalidFeedbackError` for a number or word on an unknown scale."""
    if isinstance(value, bool) or (data_type == "BOOLEAN" and value in (0, 1)):
        return 1 if value else -1
    if isinstance(value, str) and data_type in (None, "CATEGORICAL") and value in _RATINGS:
        return _RATINGS[value]
    words = ", ".join(_RATINGS)
    message = f"This score is no rating: send a BOOLEAN 1 or 0, or a CATEGORICAL one of {words}."
    raise InvalidFeedbackError(message, "value")


def tag_and_text(comment: str, tag: str | None) -> tuple[str, str]:
    """The tag and the text of a comment such as `bad_style — too long`; either may be empty."""
    first, _, rest = _SEPARATOR.sub("\0", comment, count=1).partition("\0")
    is_tagged = first == tag or first in _TAGS
    return (first, rest) if is_tagged else ("", comment)
