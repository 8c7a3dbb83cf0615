"""The base replies to fixed prompts once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scheduler.augmentation.reference_replies import ReferenceReplies
from scheduler.served_model import Adapter, Prompt, Reply
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


def test_two_runs_that_ask_at_once_make_the_base_reply_once(tmp_path: Path) -> None:
    class SlowModel(FakeServedModel):
        def reply(
            self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: Callable[[], bool]
        ) -> list[Reply]:
            assert has_asked.wait(20)
            return super().reply(prompts, adapter, is_cancelled)

    has_asked = threading.Event()
    model = SlowModel()
    references = ReferenceReplies(model, "r0", tmp_path)

    def ask_second() -> object:
        has_asked.set()
        return references.exchanges(PROMPTS, 8, lambda: False)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(references.exchanges, PROMPTS, 8, lambda: False)
        second = threads.submit(ask_second)
        assert first.result() == second.result()
    assert model.asked == [None]
