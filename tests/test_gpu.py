"""The same loop on CUDA: bfloat16 base, float32 adapters in training. Skipped without a GPU."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from adapters_store.base_model import load_base_model
from adapters_store.lora import AdapterPool, linear_shapes
from adapters_store.records import LoraConfig
from server.engine.model.fused_llama import FusedLlama
from server.engine.model.kv_rows import BLOCK as KV_BLOCK
from server.engine.model.runner import Chunk, PackedAdapter
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
        "max_faulty_increase": 1.0,
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
    adapters = [random_adapter(shapes, seed, rank=lora.rank) for seed in range(rows)]
    upper = {
        name: torch.zeros_like(tensor) if "layers.0." in name and "lora_B" in name else tensor
        for name, tensor in adapters[0].items()
    }
    pool = AdapterPool(reference.model, lora, num_slots=rows + 2)
    runner = FusedLlama(fused.model, lora, rows, fused.context_length)
    packed: list[PackedAdapter | None] = [None]  # as the pool numbers them
    for slot, adapter in enumerate((*adapters, upper), start=1):
        pool.load(slot, adapter)
        packed.append(runner.pack(adapter))
    ids = [[5 + row, 6, 7, 8 + row] for row in range(rows)]

    def begin(slots: Sequence[int], prompts: Sequence[list[int]]) -> None:
        for row, (slot, prompt) in enumerate(zip(slots, prompts, strict=True)):
            runner.bind(row, packed[slot])
            runner.run([], [], [Chunk(row, 0, prompt, is_last=True)])

    def expect_steps(slots: Sequence[int], prompts: Sequence[list[int]]) -> None:
        for step in range(3):
            lengths = [len(prompt) + step for prompt in prompts]
            logits = runner.run([20 + step] * len(prompts), lengths, [])
            for row, prompt in enumerate(prompts):
                whole = torch.tensor([[*prompt, *range(20, 21 + step)]], device=device)
                with torch.no_grad(), pool.use(slots[row]):
                    expected = reference.model(whole).logits[0, -1]
                torch.testing.assert_close(logits[row], expected, atol=1e-3, rtol=1e-3)

    # Graphs captured with one adapter serve one for each row, none, and half of one.
    upper_slot = rows + 1
    for slots in ((1, 1, 1), (1, 2, 3), (3, 1, 2), (0, 0, 0), (0, 2, 0), (upper_slot, 0, 0)):
        begin(slots, ids)
        expect_steps(slots, ids)
    for slots in ((2, upper_slot, 0), (upper_slot, 0, upper_slot), (1, 2, 3)):
        begin(slots, ids)
        expect_steps(slots, ids)
    # A long prompt moves the cache, and the graphs are captured anew.
    long = [5 + place % 40 for place in range(KV_BLOCK)]
    begin((1,), [long])
    expect_steps((1,), [long])
    begin((2, 3), [long, ids[1]])
    expect_steps((2, 3), [long, ids[1]])


@pytest.mark.real_model
def test_the_smallest_model_learns_on_the_gpu(tmp_path: Path) -> None:
    folder = default_model_cache() / "smollm2-135m"
    if not folder.is_dir():
        pytest.skip(f"SmolLM2-135M is not in {folder}")
    options = SETTINGS | {"training": {}}
    with running(folder, tmp_path / "data", **options) as server:
        loop = Loop(server, "smollm2-135m", max_tokens=40)
        learner = loop.server.new_person()
        for question in ("Suggest a lunch.", "What is rain?", "Who was Newton?", "Why sleep?"):
            loop.correct(learner, question)
        assert loop.retrain(learner)["status"] == "promoted"
        assert loop.ask(learner, "What is snow?")["loralei"]["adapter"] == "v1"
