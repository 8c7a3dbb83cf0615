"""Checks that feedback is valid. Pure: the caller passes the completions that it names."""

from feedback.errors import InvalidFeedbackError
from feedback.records import Feedback, Interaction

SAME_REPLY = "A reply cannot be preferred over itself."
END_OF_TIME = 253_402_300_800.0  # the year 10000


def says_something(feedback: Feedback) -> bool:
    """Whether it has a rating, a correction, a preference or a comment."""
    return (
        feedback.value is not None
        or feedback.correction is not None
        or feedback.preferred_over is not None
        or bool((feedback.comment or "").strip())
    )


def check_alone(feedback: Feedback) -> None:
    """Check everything that needs no completion.

    Raises:
        InvalidFeedbackError: the feedback is empty, or a field is invalid.
    """
    if not says_something(feedback):
        raise InvalidFeedbackError(
            "Give at least one of value, correction, preferred_over or comment.", "value"
        )
    if feedback.value not in (None, 1, -1):
        raise InvalidFeedbackError("The value must be +1 or -1.", "value")
    if feedback.correction is not None and not feedback.correction.strip():
        raise InvalidFeedbackError("The correction is empty.", "correction")
    if feedback.preferred_over == feedback.completion_id:
        raise InvalidFeedbackError(SAME_REPLY, "preferred_over")
    for param in ("id", "target", "correction", "preferred_over", "comment", "reason"):
        text = feedback.completion_id if param == "target" else getattr(feedback, param)
        if text is not None and not is_storable(text):
            raise InvalidFeedbackError("The text is not valid Unicode.", param)


def check_against(feedback: Feedback, turn: Interaction, loser: Interaction | None) -> None:
    """Check feedback against the completion that it is about, and against the one that lost.

    Raises:
        InvalidFeedbackError: the correction changes nothing, the pair is one reply, or it answers
            two prompts.
    """
    if feedback.correction is not None and feedback.correction.strip() == turn.reply.strip():
        raise InvalidFeedbackError("The correction is the same as the reply.", "correction")
    if loser is not None and loser.id == turn.id:
        raise InvalidFeedbackError(SAME_REPLY, "preferred_over")
    if loser is not None and loser.messages != turn.messages:
        raise InvalidFeedbackError("The two replies answer different prompts.", "preferred_over")


def is_storable(text: str) -> bool:
    """Whether `text` is valid UTF-8; JSON can contain half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
