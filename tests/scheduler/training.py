"""Examples and a silent control for tests that train the tiny model."""

from feedback.curate import example_id
from feedback.records import ExampleKind, Message, TrainingExample


class Silent:
    """Counts steps and pauses, and never waits."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.pause_points = 0

    def wait_while_paused(self) -> None:
        self.pause_points += 1

    def report(self, step: int, steps: int, loss: float) -> None:
        self.losses.append(loss)


def make_example(
    text: str, chosen: str, rejected: str | None = None, weight: float = 1.0
) -> TrainingExample:
    """One supervised example, or a preference pair where something is rejected."""
    kind = ExampleKind.SFT if rejected is None else ExampleKind.DPO
    prompt = (Message("user", text),)
    return TrainingExample(
        id=example_id(kind, prompt, chosen, rejected, weight),
        user_id="ann",
        kind=kind,
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        weight=weight,
        source="correction",
        conversation_id=text,
        interaction_ids=(text,),
        feedback_ids=(text,),
        created_at=0.0,
    )
