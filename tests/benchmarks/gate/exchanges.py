"""The base's replies to the prompts that get feedback: one greedy, one sampled."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from server.client import Client
from tests.benchmarks.finished import Finished
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.results import Arm, Reply
from tests.benchmarks.learning.simulated_user import AT_ONCE, ask_one, served_model

TOKENS = 48
"""Length of a reply; its correction has room to be longer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt and two replies of the base: the greedy one, and one sampled at temperature 1."""

    prompt: Prompt
    reply: Reply
    other: Reply


class Exchanges(Finished[str, Exchange]):
    """Every exchange of one file, by its prompt's id."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Exchange, lambda exchange: exchange.prompt.id)


def ask_missing(
    api: Client, prompts: Sequence[Prompt], known: Exchanges, on_reply: Callable[[], None]
) -> list[Exchange]:
    """The exchanges of these prompts. Those that are not known are asked for and stored."""
    model = served_model(api)

    def ask(prompt: Prompt) -> Exchange:
        first, second = (
            ask_one(api, model, prompt, Arm.BASE, max_tokens=TOKENS, temperature=temperature).reply
            for temperature in (0, 1)
        )
        return Exchange(prompt, first, second)

    missing = [prompt for prompt in prompts if prompt.id not in known]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for exchange in pool.map(ask, missing):
            known.append([exchange])
            on_reply()
    found = {exchange.prompt.id: exchange for exchange in known}
    return [found[prompt.id] for prompt in prompts]
