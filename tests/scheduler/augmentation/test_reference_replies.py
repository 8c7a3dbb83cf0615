"""The base replies to fixed prompts once."""

from pathlib import Path

from scheduler.augmentation.reference_replies import ReferenceReplies
from tests.scheduler.world import FakeServedModel

PROMPTS = ("Why?", "How?")


def ask(model: FakeServedModel, cache: Path, *, revision: str = "r0", tokens: int = 8) -> list[str]:
    references = ReferenceReplies(model, revision, cache)
    return [reply for _, reply in references.exchanges(PROMPTS, tokens, lambda: False)]


def test_the_base_replies_once(tmp_path: Path) -> None:
    model = FakeServedModel()
    replies = ask(model, tmp_path)
    assert ask(model, tmp_path) == replies == [model.base] * len(PROMPTS)
    assert model.asked == [None]


def test_another_base_replies_again(tmp_path: Path) -> None:
    model = FakeServedModel()
    ask(model, tmp_path, revision="one")
    ask(model, tmp_path, revision="two")
    assert model.asked == [None, None]


def test_another_length_limit_has_its_own_replies(tmp_path: Path) -> None:
    model = FakeServedModel()
    ask(model, tmp_path, tokens=8)
    ask(model, tmp_path, tokens=4)
    assert model.asked == [None, None]
