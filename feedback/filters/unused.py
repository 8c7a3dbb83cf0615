"""Why judgements make no row at all."""

from collections.abc import Iterable

from feedback.records import Feedback, TrainingExample


def unused(examples: Iterable[TrainingExample], feedback: Iterable[Feedback]) -> dict[str, str]:
    """A sentence for every judgement of one user that made no example, by its id."""
    used = {name for each in examples for name in each.feedback_ids}
    return {each.id: _why(each) for each in feedback if each.id not in used}


def _why(judgement: Feedback) -> str:
    holds_reply = judgement.correction is not None or judgement.preferred_over is not None
    if judgement.value is None and not holds_reply:
        return "A comment alone is remembered as a note and trains nothing."
    if judgement.value == -1 and not holds_reply:
        return (
            "A dislike adds nothing where the reply is nearly a wanted one or has lost to another."
        )
    return "A newer judgement of the same prompt overrules it, or there is no reply to learn."
