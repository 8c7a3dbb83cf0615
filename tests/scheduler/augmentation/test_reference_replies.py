"""What the base replies to fixed prompts is asked once."""

from pathlib import Path

from scheduler.augmentation.reference_replies import ReferenceReplies
from tests.scheduler.world import FakeReplier

PROMPTS = ("Why?", "How?")


def ask(replier: FakeReplier, cache: Path, *, revision: str = "r0", tokens: int = 8) -> list[str]:
    return ReferenceReplies(replier, revision, cache).to(PROMPTS, tokens, lambda: False)


def test_the_base_is_asked_once(tmp_path: Path) -> None:
    replier = FakeReplier()
    made = ask(replier, tmp_path)
    assert ask(replier, tmp_path) == made == [replier.base] * len(PROMPTS)
    assert replier.asked == [None]


def test_another_base_is_asked_again(tmp_path: Path) -> None:
    replier = FakeReplier()
    ask(replier, tmp_path, revision="one")
    ask(replier, tmp_path, revision="two")
    assert replier.asked == [None, None]


def test_replies_of_another_length_are_not_mistaken_for_these(tmp_path: Path) -> None:
    replier = FakeReplier()
    ask(replier, tmp_path, tokens=8)
    ask(replier, tmp_path, tokens=4)
    assert replier.asked == [None, None]
