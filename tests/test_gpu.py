"""The same loop on CUDA: bfloat16 base, float32 adapters in training. Skipped without a GPU."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters_store.base_model import load_base_model
from adapters_store.lora import AdapterPool, linear_shapes
from adapters_store.records import LoraConfig
from server.engine.model.fused_llama import FusedLlama
from server.engine.model.kv_rows import BLOCK as KV_BLOCK
from server.engine.model.runner import Chunk
from server.settings import default_model_cache
from tests.adapters import random_adapter
from tests.loop import Loop
from tests.server.live import running
from tests.tiny_model import build_tiny_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
QUESTIONS = [f"question {i}" for i in range(6)]
SETTINGS = {
    "device": "cuda",
    "dtype": "bfloat16",
    "schedule": {"interval": 0, "nightly": ""},
    "training": {"learning_rate": 5e-3, "max_steps": 20},
    "gate": {
        "max_reference_kl": 100.0,
        "max_train_loss": 100.0,
        "max_repetition_increase": 1.0,
        "max_collapse_increase": 1.0,
        "max_echo_increase": 1.0,
        "max_empty_increase": 1.0,
    },
}


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    model = build_tiny_model(tmp_path / "tiny")
    with running(model, tmp_path / "data", **SETTINGS) as server:
        yield Loop(server, "tiny")


def test_a_user_is_trained_promoted_and_served_on_the_gpu(loop: Loop) -> None:
    learner, other = loop.server.new_person(), loop.server.new_person()
    before = loop.text(other, "hello")
    for question in QUESTIONS:
        loop.correct(learner, question, "the answer")
    run = loop.retrain(learner)
    assert run["status"] == "promoted", run["reason"]
    assert run["usage"]["device"] == torch.cuda.get_device_name()
    assert run["usage"]["peak_memory_bytes"] > 0
    assert loop.ask(learner, "hello")["loralei"]["adapter"] == "v1"
    assert loop.text(learner, "hello") != before
    assert loop.text(other, "hello") == before


def test_steps_replayed_as_graphs_are_the_reference_logits(tiny_model_folder: Path) -> None:
    lora = LoraConfig(rank=4, alpha=8.0)
    device, rows = torch.device("cuda"), 3
    reference, fused = (
        load_base_model(
            tiny_model_folder, name="tiny", revision="r0", device=device, dtype=torch.float32
        )
        for _ in range(2)
    )
    shapes = linear_shapes(reference.model, lora.targets)
    pool = AdapterPool(reference.model, lora, num_slots=rows + 1)
    runner = FusedLlama(fused.model, lora, rows, fused.context_length)
    ids = [[5 + row, 6, 7, 8 + row] for row in range(rows)]
    for row in range(rows):
        adapter = random_adapter(shapes, row, rank=lora.rank)
        pool.load(row + 1, adapter)
        runner.bind(row, runner.pack(adapter))
        runner.run([], [], [Chunk(row, 0, ids[row], is_last=True)])

    def expect(logits: Tensor, row: int, whole: list[int]) -> None:
        with torch.no_grad(), pool.use(row + 1):
            expected = reference.model(torch.tensor([whole], device=device)).logits[0, -1]
        torch.testing.assert_close(logits, expected, atol=1e-3, rtol=1e-3)

    for step in range(3):
        logits = runner.run([20 + step] * rows, [len(ids[0]) + step] * rows, [])
        for row in range(rows):
            expect(logits[row], row, [*ids[row], *range(20, 21 + step)])
    # A long prompt moves the cache, and the graphs are captured anew.
    long = [5 + place % 40 for place in range(KV_BLOCK)]
    runner.run([], [], [Chunk(0, 0, long, is_last=True)])
    for step in range(2):
        logits = runner.run([20 + step], [len(long) + step], [])
        expect(logits[0], 0, [*long, *range(20, 21 + step)])


@pytest.mark.real_model
def test_the_embedded_model_learns_on_the_gpu(tmp_path: Path) -> None:
    folder = default_model_cache() / "smollm2-135m"
    if not folder.is_dir():
        pytest.skip(f"the embedded model is not in {folder}")
    options = SETTINGS | {"training": {}}
    with running(folder, tmp_path / "data", **options) as server:
        loop = Loop(server, "smollm2-135m", max_tokens=40)
        learner = loop.server.new_person()
        for question in ("Suggest a lunch.", "What is rain?", "Who was Newton?", "Why sleep?"):
            loop.correct(learner, question)
        assert loop.retrain(learner)["status"] == "promoted"
        assert loop.ask(learner, "What is snow?")["loralei"]["adapter"] == "v1"
