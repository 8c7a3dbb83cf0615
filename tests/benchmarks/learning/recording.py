"""Asks the prompts of one measurement, at the quick set's sizes, and stores the replies."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from server.client import Client
from tests.benchmarks.learning.plan import QUICK, base_key
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, Prompt, read_prompts
from tests.benchmarks.learning.results import Key, Measurement, Results, Run
from tests.benchmarks.learning.simulated_user import ask


def each_order(
    data: Path, seeds: int, results: Results, admin: Client
) -> Iterator[tuple[int, list[Prompt], list[Prompt]]]:
    """Every order of the prompts: its seed, the prompts to teach and those to test with.

    The base's replies to the latter are stored first.
    """
    for seed in range(seeds):
        taught = read_prompts(data / TAUGHT, seed)
        unseen = read_prompts(data / UNSEEN, seed)[: QUICK.test_prompts]
        if base_key(seed) not in results:
            record_replies(results, admin, base_key(seed), unseen, None)
        yield seed, taught, unseen


def record_replies(
    results: Results, api: Client, key: Key, prompts: Sequence[Prompt], run: Run | None
) -> None:
    """Ask all prompts at once, as the key says, and store the replies with the training."""
    questions = [(prompt, key.arm) for prompt in prompts]
    replies = [each.reply for each in ask(api, questions, max_tokens=QUICK.test_tokens)]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results.append([Measurement(key, tuple(replies), run, now)])
