"""The base replies to fixed prompts once."""

from pathlib import Path

from scheduler.augmentation.reference_replies import ReferenceReplies
from tests.scheduler.world import FakeReplier

PROMPTS = ("Why?", "How?")


def ask(replier: FakeReplier, cache: Path, *, revision: str = "r0", tokens: int = 8) -> list[str]:
    return ReferenceReplies(replier, revision, cache).to(PROMPTS, tokens, lambda: False)


def test_the_base_replies_once(tmp_path: Path) -> None:
    replier = FakeReplier()
    replies = ask(replier, tmp_path)
    assert ask(replier, tmp_path) == replies == [replier.base] * len(PROMPTS)
    assert replier.asked == [None]


def test_another_base_replies_again(tmp_path: Path) -> None:
    replier = FakeReplier()
    ask(replier, tmp_path, revision="one")
    ask(replier, tmp_path, revision="two")
    assert replier.asked == [None, None]


def test_another_length_limit_has_its_own_replies(tmp_path: Path) -> None:
    replier = FakeReplier()
    ask(replier, tmp_path, tokens=8)
    ask(replier, tmp_path, tokens=4)
    assert replier.asked == [None, None]
