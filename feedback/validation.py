"""Decides whether a judgement makes sense. Pure: the completions it names are passed in."""

from feedback.errors import InvalidFeedbackError
from feedback.records import Feedback, Interaction


def says_something(feedback: Feedback) -> bool:
    """Whether anything is judged: a value, a correction, a preference or a comment."""
    return (
        feedback.value is not None
        or feedback.correction is not None
        or feedback.preferred_over is not None
        or bool((feedback.comment or "").strip())
    )


def check_alone(feedback: Feedback) -> None:
    """Check what can be checked without the completions.

    Raises:
        InvalidFeedbackError: nothing is judged, or a field can never be right.
    """
    if not says_something(feedback):
        raise InvalidFeedbackError(
            "Give at least one of value, correction, preferred_over and comment.", "value"
        )
    if feedback.value not in (None, 1, -1):
        raise InvalidFeedbackError("The value is +1 or -1.", "value")
    if feedback.correction is not None and not feedback.correction.strip():
        raise InvalidFeedbackError("The correction is empty.", "correction")
    if feedback.preferred_over == feedback.completion_id:
        raise InvalidFeedbackError("A reply cannot win against itself.", "preferred_over")
    for param in ("id", "target", "correction", "preferred_over", "comment", "reason"):
        text = feedback.completion_id if param == "target" else getattr(feedback, param)
        if text is not None and not is_storable(text):
            raise InvalidFeedbackError("The text is not valid Unicode.", param)


def check_against(feedback: Feedback, target: Interaction, loser: Interaction | None) -> None:
    """Check a judgement against the completion it judges, and the one that lost to it, if any.

    Raises:
        InvalidFeedbackError: the correction changes nothing, or the pair answers two prompts.
    """
    if feedback.correction is not None and feedback.correction.strip() == target.reply.strip():
        raise InvalidFeedbackError("The correction equals the reply.", "correction")
    if loser is not None and loser.messages != target.messages:
        raise InvalidFeedbackError("The two replies answer different prompts.", "preferred_over")


def is_storable(text: str) -> bool:
    """Whether `text` can be written as UTF-8: JSON can smuggle in half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
