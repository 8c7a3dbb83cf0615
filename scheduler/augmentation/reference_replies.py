"""What the base replies to fixed prompts: asked once per base, and kept in a file."""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from adapters_store.durable import write_json
from feedback.records import Memory

NO_MEMORY = Memory()


class Generator(Protocol):
    """The model that serves, asked by the scheduler; `EngineReplier` is one."""

    def __call__(
        self,
        prompts: Sequence[str],
        adapter: Path | None,
        max_tokens: int,
        is_cancelled: Callable[[], bool],
        memory: Memory = NO_MEMORY,
    ) -> list[str]:
        """Reply greedily to each prompt, with the base or with a staged adapter's folder.

        Before each prompt stands what chats would show of `memory`. Raises
        `TrainingCancelledError`, and `TrainingFailedError` where it cannot reply.
        """


class ReferenceReplies:
    """The base's replies, from the folder `cache` where they are there already."""

    def __init__(self, reply: Generator, revision: str, cache: Path) -> None:
        self._reply = reply
        self._revision = revision
        self._cache = cache

    def to(
        self, prompts: Sequence[str], max_tokens: int, is_cancelled: Callable[[], bool]
    ) -> list[str]:
        """The base's reply to each prompt. Raises what the `Generator` raises."""
        # Other prompts or lengths have other replies.
        asked = sha256(json.dumps([prompts, max_tokens]).encode()).hexdigest()
        file = self._cache / f"{self._revision[:16]}-{asked[:16]}.json"
        if file.exists():
            kept: list[str] = json.loads(file.read_text(encoding="utf-8"))
            return kept
        replies = self._reply(prompts, None, max_tokens, is_cancelled)
        write_json(file, replies)
        return replies
