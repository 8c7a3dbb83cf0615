"""Explains why some feedback makes no example."""

from collections.abc import Iterable

from feedback.records import Feedback, TrainingExample


def unused(examples: Iterable[TrainingExample], feedback: Iterable[Feedback]) -> dict[str, str]:
    """A sentence by id for each item of one user's feedback that made no example."""
    used = {name for each in examples for name in each.feedback_ids}
    return {each.id: _why(each) for each in feedback if each.id not in used}


def _why(feedback: Feedback) -> str:
    has_reply = feedback.correction is not None or feedback.preferred_over is not None
    if feedback.value is None and not has_reply:
        return "A comment alone becomes a note in the memory; it does not train."
    if feedback.value == -1 and not has_reply:
        return (
            "This dislike adds nothing: a better reply to the prompt is almost the same, or was"
            " already preferred to it."
        )
    return "Newer feedback on the same prompt overrules it, or there is no reply to learn."
