"""The same loop on CUDA: bfloat16 base, float32 adapters in training. Skipped without a GPU."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from server.settings import default_model_cache
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
        "max_anchor_kl": 100.0,
        "max_repetition_increase": 1.0,
        "max_collapse_increase": 1.0,
        "max_silence_increase": 1.0,
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
