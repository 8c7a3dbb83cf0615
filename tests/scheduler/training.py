"""Examples for tests that train the tiny model."""

from dataclasses import replace

from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample


def make_example(
    text: str,
    chosen: str,
    rejected: str | None = None,
    revised_from: str | None = None,
) -> TrainingExample:
    """One supervised example, or a preference pair with `rejected`."""
    kind = ExampleKind.SFT if rejected is None else ExampleKind.DPO
    prompt = (Message("user", text),)
    return TrainingExample(
        user_id="ann",
        kind=kind,
        messages=prompt,
        chosen=chosen,
        rejected=rejected,
        source=ExampleSource.CORRECTION,
        conversation_id=text,
        interaction_ids=(text,),
        feedback_ids=(text,),
        created_at=0.0,
        revised_from=revised_from,
    )


def make_rating(text: str, reply: str, is_liked: bool) -> TrainingExample:
    """One liked or disliked reply."""
    kind = ExampleKind.DESIRABLE if is_liked else ExampleKind.UNDESIRABLE
    chosen, rejected = (reply, None) if is_liked else ("", reply)
    example = make_example(text, chosen)
    source = ExampleSource.LIKED if is_liked else ExampleSource.DISLIKED
    return replace(example, kind=kind, chosen=chosen, rejected=rejected, source=source)
