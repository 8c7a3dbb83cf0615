"""Asks what one measurement needs, and keeps the replies."""

from collections.abc import Sequence
from datetime import UTC, datetime

from server.demo_server import Api
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.results import Key, Measurement, Results, Run
from tests.benchmarks.learning.simulated_user import ask


def keep(
    results: Results,
    api: Api,
    key: Key,
    prompts: Sequence[Prompt],
    run: Run | None,
    *,
    max_tokens: int,
) -> None:
    """Ask all the prompts as the key says, at once, and keep the replies with the training."""
    questions = [(prompt, key.arm) for prompt in prompts]
    replies = [each.reply for each in ask(api, questions, max_tokens=max_tokens)]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results.append([Measurement(key, tuple(replies), run, now)])
