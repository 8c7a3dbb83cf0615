"""The scores of edits under the base and an adapter, on a tiny model."""

from pathlib import Path

import pytest
import torch
from rich.console import Console
from rich.progress import Progress

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message
from tests.adapters import LORA, random_adapter, save_adapter
from tests.benchmarks.writers.measure import ADAPTER, edit_log_probs, score_missing
from tests.benchmarks.writers.results import BASE, Scored, WritersResults
from tests.benchmarks.writers.rows import Row

ROWS = [
    Row("lamp-0", "Tell a tale.", "Once.", ("Wolves.", "A long tale of wolves.", "Nobody came.")),
    Row("lamp-1", "Describe rain.", "Wet.", ("Rain fell.", "It rained", "Grey. Wet. Cold.")),
]


@pytest.fixture
def results(tmp_path: Path) -> WritersResults:
    return WritersResults(tmp_path, "tiny")


@pytest.fixture
def pool(tiny_base: BaseModel, results: WritersResults) -> AdapterPool:
    """A pool on the model, and a stored adapter of W3's that changes replies."""
    pool = AdapterPool(tiny_base.model, LORA, ADAPTER + 1)
    results.adapter("W3").mkdir(parents=True)
    save_adapter(results.adapter("W3"), random_adapter(pool.shapes, seed=1))
    return pool


def test_an_edits_score_is_the_mean_of_its_tokens_log_probabilities(tiny_base: BaseModel) -> None:
    for row in ROWS:
        for edit, log_prob in zip(row.edits, edit_log_probs(tiny_base, row), strict=True):
            prompt = tiny_base.renderer.prompt_ids([Message("user", row.instruction)])
            reply = tiny_base.renderer.reply_ids(edit)
            with torch.no_grad():
                logits = tiny_base.model(input_ids=torch.tensor([prompt + reply])).logits[0]
            likely = logits.log_softmax(dim=-1)[len(prompt) - 1 : -1]
            expected = likely[torch.arange(len(reply)), torch.tensor(reply)].mean().item()
            assert log_prob == pytest.approx(expected, abs=1e-4)


def test_the_base_and_a_stored_adapter_score_every_row(
    tiny_base: BaseModel, pool: AdapterPool, results: WritersResults
) -> None:
    bar = Progress(console=Console(quiet=True))
    score_missing(tiny_base, pool, [BASE, "W3"], ROWS, results, bar)
    scored = {(each.who, each.row): each.log_probs for each in results.scored}
    assert len(scored) == 4
    assert all(scored[BASE, row.id] != scored["W3", row.id] for row in ROWS)
    assert scored[BASE, "lamp-0"] == edit_log_probs(tiny_base, ROWS[0])


def test_a_finished_row_is_not_scored_again(
    tiny_base: BaseModel, pool: AdapterPool, results: WritersResults
) -> None:
    finished = Scored("W3", "lamp-0", (-1.0, -2.0, -3.0))
    results.scored.append([finished])
    bar = Progress(console=Console(quiet=True))
    score_missing(tiny_base, pool, ["W3"], ROWS, results, bar)
    assert [each.row for each in results.scored] == ["lamp-0", "lamp-1"]
    assert results.scored.get(("W3", "lamp-0")) == finished
