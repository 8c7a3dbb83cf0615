"""Samples of the base's replies."""

from hypothesis import given

from feedback.records import Message, TrainingExample
from scheduler.augmentation.samples import MAX_OWN, draw_samples, rated_chats
from tests.feedback.strategies import training_examples
from tests.scheduler.world import FakeServedModel


def chat(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


def test_the_replies_to_a_prompt_do_not_depend_on_the_other_prompts() -> None:
    model = FakeServedModel()
    model.drawn = str
    [_, second] = draw_samples(model, [chat("One?"), chat("Two?")], lambda: False)
    [alone] = draw_samples(model, [chat("Two?")], lambda: False)
    assert second == alone
    assert len({each.text for each in alone.replies}) == len(alone.replies)


@given(training_examples())
def test_the_newest_rated_conversations_are_sampled_each_once(
    examples: list[TrainingExample],
) -> None:
    found = rated_chats(examples)
    assert len(found) == len({*found}) == min(MAX_OWN, len({each.messages for each in examples}))
    newest = max(examples, key=lambda each: each.created_at, default=None)
    assert newest is None or any(
        each.messages == found[0] for each in examples if each.created_at == newest.created_at
    )
