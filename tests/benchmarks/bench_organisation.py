"""An organisation's adapter and a user's own together: does each keep what it keeps alone?

    EVAL_DATA=../shared/data LORALEI_MODEL=... python -m tests.benchmarks.bench_organisation

Everything over HTTP, without memory. A contributor shares corrections by the organisation's wish,
and a user corrects by their own. The prompts come from self-instruct
(https://github.com/yizhongw/self-instruct, Apache-2.0).
"""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from feedback.records import ORGANISATION
from server.base_model.choice import or_smallest
from server.client import Client
from server.settings import Settings
from tests.benchmarks.bench_pooled import OPEN_GATE
from tests.benchmarks.learning.personas import BY_NAME, Persona
from tests.benchmarks.learning.plan import QUICK
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, Prompt, data_folder, read_prompts
from tests.benchmarks.learning.results import Point
from tests.benchmarks.learning.server import benchmark_server
from tests.benchmarks.learning.simulated_user import (
    AT_ONCE,
    SimulatedUser,
    new_account,
    served_model,
    train,
)
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.report import machine, markdown_table, show_section

PAIRS = "opening+ampersands,headed+no-commas,exclaiming+opening"
"""An organisation's wish and a user's, which a reply can keep both of."""
WANTED = 0.9

ARMS: Mapping[str, Mapping[str, Any]] = {
    "base": {"adapter": "base", "memory": False},
    "own": {"organisation": False, "memory": False},
    "together": {"memory": False},
}


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", default=PAIRS, help="organisation+user, with commas")
    parser.add_argument("--corrections", type=int, default=10, help="of each of the two")
    parser.add_argument("--prompts", type=int, default=QUICK.test_prompts, help="unseen ones")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    options = parser.parse_args()
    data = data_folder(TAUGHT, UNSEEN)
    if data is None:
        print(f"Not measured: set EVAL_DATA to the folder that holds {TAUGHT} and {UNSEEN}.")
        return
    rows = []
    for pair in options.pairs.split(","):
        shared, own = (BY_NAME[name] for name in pair.split("+"))
        rows.append(_measured(data, shared, own, options.corrections, options.prompts))
    heading = ["wishes: organisation, user", "organisation alone", "together"]
    table = markdown_table([*heading, "user alone", "together", "least share kept"], rows)
    model = or_smallest(Settings().model)
    text = (
        f"{model}, {options.prompts} unseen prompts, {options.corrections} corrections for each,"
        f" measured on {machine()}. In brackets is the base. Wanted: at least {WANTED} of each"
        f" alone.\n\n{table}"
    )
    show_section("organisation", text, is_written=not options.no_write)


def _measured(
    data: Path, shared: Persona, own: Persona, corrections: int, num_prompts: int
) -> list[str]:
    """One row: how many replies comply with each wish, alone and together."""
    taught = read_prompts(data / TAUGHT, 0)
    unseen = read_prompts(data / UNSEEN, 0)[:num_prompts]
    options = OPEN_GATE | {"LORALEI_ORGANISATION": "true"}
    with (
        benchmark_server(Console(), options) as server,
        closing(Client(server.url, server.token)) as admin,
        closing(new_account(admin, server.url, "contributor")) as contributor,
        closing(new_account(admin, server.url, "learner")) as learner,
    ):
        _correct(contributor, shared, taught[::2], corrections)
        contributor.put("/v1/me/organisation", {"shares": True})
        _correct(learner, own, taught[1::2], corrections)
        for name in (ORGANISATION, "learner"):
            run = train(admin, name, corrections)
            if run.status != "promoted":
                print(f"{name}: {run.status}. {run.reason}")
        # The contributor has no version: the organisation's answers alone.
        alone = _replies(contributor, "together", unseen)
        base, by_own, together = (_replies(learner, arm, unseen) for arm in ARMS)

    def tally(persona: Persona, replies: Sequence[str]) -> Tally:
        return Tally.of(map(persona.complies, replies))

    pairs = [
        (tally(shared, alone), tally(shared, together)),
        (tally(own, by_own), tally(own, together)),
    ]
    kept = min(after.share / before.share if before.share else 1.0 for before, after in pairs)
    (shared_alone, shared_both), (own_alone, own_both) = pairs
    return [
        f"{shared.wish} {own.wish}",
        f"{shared_alone} ({tally(shared, base).share:.2f})",
        str(shared_both),
        f"{own_alone} ({tally(own, base).share:.2f})",
        str(own_both),
        f"{kept:.2f}",
    ]


def _correct(api: Client, persona: Persona, prompts: Sequence[Prompt], corrections: int) -> None:
    user = SimulatedUser(api, persona, prompts)
    user.give_feedback(Point(corrections), QUICK.taught_tokens)


def _replies(api: Client, arm: str, prompts: Sequence[Prompt]) -> list[str]:
    model = served_model(api)

    def answer(prompt: Prompt) -> str:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": prompt.text}],
            "temperature": 0,
            "max_tokens": QUICK.test_tokens,
            "store": False,
            "loralei": ARMS[arm],
        }
        [choice] = api.post("/v1/chat/completions", body)["choices"]
        return choice["message"]["content"] or ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(answer, prompts))


if __name__ == "__main__":
    main()
