"""The base's replies to fixed prompts, generated once per base and cached in files."""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from adapters_store.durable import write_json
from feedback.records import Memory

NO_MEMORY = Memory()


class Generator(Protocol):
    """Lets the served model reply; the server's `EngineGenerator` is one."""

    def __call__(
        self,
        prompts: Sequence[str],
        adapter: Path | None,
        max_tokens: int,
        is_cancelled: Callable[[], bool],
        memory: Memory = NO_MEMORY,
    ) -> list[str]:
        """Reply greedily to each prompt, with a staged adapter's folder or, if None, the base.

        Each prompt is preceded by what a chat would show of `memory`. Raises
        `TrainingCancelledError`, and `TrainingFailedError` if it cannot reply.
        """


class ReferenceReplies:
    """The base's replies, cached in the folder `cache`."""

    def __init__(self, reply: Generator, revision: str, cache: Path) -> None:
        self._reply = reply
        self._revision = revision
        self._cache = cache

    def replies_to(
        self, prompts: Sequence[str], max_tokens: int, is_cancelled: Callable[[], bool]
    ) -> list[str]:
        """The base's reply to each prompt. Raises what the `Generator` raises."""
        key = sha256(json.dumps([prompts, max_tokens]).encode()).hexdigest()
        file = self._cache / f"{self._revision[:16]}-{key[:16]}.json"
        if file.exists():
            cached: list[str] = json.loads(file.read_text(encoding="utf-8"))
            return cached
        replies = self._reply(prompts, None, max_tokens, is_cancelled)
        write_json(file, replies)
        return replies
