"""Examples for tests that train the tiny model."""

from dataclasses import replace

from feedback.examples.build import example_id
from feedback.records import ExampleKind, Message, TrainingExample


def make_example(
    text: str,
    chosen: str,
    rejected: str | None = None,
    weight: float = 1.0,
    revised_from: str | None = None,
) -> TrainingExample:
    """One supervised example, or a preference pair where something is rejected."""
    kind = ExampleKind.SFT if rejected is None else ExampleKind.DPO
    prompt = (Message("user", text),)
    return TrainingExample(
        id=example_id(kind, prompt, chosen, rejected, weight, revised_from),
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
        revised_from=revised_from,
    )


def make_thumb(text: str, reply: str, is_liked: bool) -> TrainingExample:
    """One reply that was liked or disliked as it is."""
    kind = ExampleKind.DESIRABLE if is_liked else ExampleKind.UNDESIRABLE
    chosen, rejected = (reply, None) if is_liked else ("", reply)
    example = make_example(text, chosen)
    name = example_id(kind, example.prompt, chosen, rejected, 1.0)
    return replace(example, id=name, kind=kind, chosen=chosen, rejected=rejected, source="thumb")
