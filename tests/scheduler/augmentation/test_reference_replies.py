"""The base replies to fixed prompts once."""

from pathlib import Path

from scheduler.augmentation.reference_replies import ReferenceReplies
from tests.scheduler.world import FakeGenerator

PROMPTS = ("Why?", "How?")


def ask(
    generator: FakeGenerator, cache: Path, *, revision: str = "r0", tokens: int = 8
) -> list[str]:
    return ReferenceReplies(generator, revision, cache).replies_to(PROMPTS, tokens, lambda: False)


def test_the_base_replies_once(tmp_path: Path) -> None:
    generator = FakeGenerator()
    replies = ask(generator, tmp_path)
    assert ask(generator, tmp_path) == replies == [generator.base] * len(PROMPTS)
    assert generator.asked == [None]


def test_another_base_replies_again(tmp_path: Path) -> None:
    generator = FakeGenerator()
    ask(generator, tmp_path, revision="one")
    ask(generator, tmp_path, revision="two")
    assert generator.asked == [None, None]


def test_another_length_limit_has_its_own_replies(tmp_path: Path) -> None:
    generator = FakeGenerator()
    ask(generator, tmp_path, tokens=8)
    ask(generator, tmp_path, tokens=4)
    assert generator.asked == [None, None]
