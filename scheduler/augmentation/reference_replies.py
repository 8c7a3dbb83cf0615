"""The base's replies to fixed prompts, generated once per base and cached in files."""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from adapters_store.durable import write_json
from feedback.records import Message
from scheduler.augmentation.prompts import (
    PROBE_PROMPTS,
    PROBE_REPLY_TOKENS,
    REFERENCE_PROMPTS,
    REFERENCE_REPLY_TOKENS,
    SYNTHETIC_PROMPTS,
    SYNTHETIC_REPLY_TOKENS,
    UNANSWERABLE_PROMPTS,
)
from scheduler.augmentation.samples import (
    SAMPLE_TOKENS,
    SAMPLES_PER_PROMPT,
    Samples,
    draw_samples,
)
from scheduler.augmentation.turns import Turns
from scheduler.evaluation.plain_questions import ANSWER_TOKENS, PLAIN_QUESTIONS
from scheduler.records import TrainingConfig
from scheduler.served_model import Reply, ServedModel, user_prompt

Exchanges = tuple[tuple[str, str], ...]
"""Prompts, each with the base's reply."""

NUM_SAMPLED = 24
"""The prompts that are sampled once for all users."""

IsCancelled = Callable[[], bool]


class ReferenceReplies:
    """The base's replies, cached in the folder `cache`. All raise what the `ServedModel` raises.

    Several runs may ask at once: one of them generates what is missing, and the others wait.
    """

    def __init__(self, model: ServedModel, revision: str, cache: Path) -> None:
        self._model = model
        self._revision = revision
        self._cache = cache
        self._turns = Turns()

    def prepare(self, config: TrainingConfig, is_cancelled: IsCancelled) -> None:
        """Generate all that are missing."""
        self.reference(is_cancelled)
        self.synthetic(is_cancelled)
        self.unanswerable(is_cancelled)
        self.probes(config, is_cancelled)
        self.plain(is_cancelled)

    def reference(self, is_cancelled: IsCancelled) -> Exchanges:
        """The exchanges that drift is measured on."""
        return self.exchanges(REFERENCE_PROMPTS, REFERENCE_REPLY_TOKENS, is_cancelled)

    def synthetic(self, is_cancelled: IsCancelled) -> Exchanges:
        """The exchanges to make synthetic examples of."""
        return self.exchanges(SYNTHETIC_PROMPTS, SYNTHETIC_REPLY_TOKENS, is_cancelled)

    def unanswerable(self, is_cancelled: IsCancelled) -> Exchanges:
        """The exchanges about what nobody can know."""
        return self.exchanges(UNANSWERABLE_PROMPTS, SYNTHETIC_REPLY_TOKENS, is_cancelled)

    def probes(self, config: TrainingConfig, is_cancelled: IsCancelled) -> tuple[Exchanges, ...]:
        """The probe prompts of each round."""
        count = config.probe_prompts
        prompts = PROBE_PROMPTS[: count * config.rounds]
        if not prompts:
            return ()
        exchanges = self.exchanges(prompts, PROBE_REPLY_TOKENS, is_cancelled)
        return tuple(exchanges[i : i + count] for i in range(0, len(exchanges), count))

    def samples(self, is_cancelled: IsCancelled) -> tuple[Samples, ...]:
        """Several replies to each of a few prompts."""
        chats = [(Message("user", prompt),) for prompt in SYNTHETIC_PROMPTS[:NUM_SAMPLED]]
        key = [SYNTHETIC_PROMPTS[:NUM_SAMPLED], SAMPLE_TOKENS, SAMPLES_PER_PROMPT]

        def generate() -> list[list[tuple[str, bool]]]:
            drawn = draw_samples(self._model, chats, is_cancelled)
            return [[(reply.text, reply.is_truncated) for reply in each.replies] for each in drawn]

        found = self._cached(key, generate, is_cancelled)
        return tuple(
            Samples(chat, tuple(Reply(chat, text, is_truncated) for text, is_truncated in replies))
            for chat, replies in zip(chats, found, strict=True)
        )

    def plain(self, is_cancelled: IsCancelled) -> Exchanges:
        """The plain questions with the base's answers."""
        prompts = [each.text for each in PLAIN_QUESTIONS]
        return self.exchanges(prompts, ANSWER_TOKENS, is_cancelled)

    def exchanges(
        self, prompts: Sequence[str], max_tokens: int, is_cancelled: IsCancelled
    ) -> Exchanges:
        """Each prompt with the base's reply."""

        def generate() -> list[str]:
            asked = [user_prompt(each, max_tokens) for each in prompts]
            return [each.text for each in self._model.reply(asked, None, is_cancelled)]

        replies = self._cached([prompts, max_tokens], generate, is_cancelled)
        return tuple(zip(prompts, replies, strict=True))

    def _cached(self, key: Any, generate: Callable[[], Any], is_cancelled: IsCancelled) -> Any:
        digest = sha256(json.dumps(key).encode()).hexdigest()
        file = self._cache / f"{self._revision[:16]}-{digest[:16]}.json"
        if not file.exists():
            with self._turns.take(is_cancelled):
                if not file.exists():
                    write_json(file, generate())
        return json.loads(file.read_text(encoding="utf-8"))
