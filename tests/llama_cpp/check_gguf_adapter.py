"""An exported adapter does in llama.cpp what PEFT does with its folder: `make test-llama`.

Both get the same GGUF model, which transformers dequantises. llama.cpp rounds activations to eight
bits, so its logits are only close: as close as without an adapter.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel

from adapters_store.exchange import gguf_export
from adapters_store.exchange.gguf_export import read_gguf_target, write_gguf_adapter
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import linear_shapes
from adapters_store.models.built_in import BUILT_IN
from adapters_store.models.fetch_wheels import fetch_gguf
from adapters_store.peft_config import write_peft_config
from adapters_store.records import LoraConfig
from server.settings import default_model_cache
from tests.adapters import random_adapter

LORA = LoraConfig()
QUESTION = "Name three colours and say what each reminds you of."
ROWS, NEW_TOKENS = 4, 3
CLOSE = 0.02
"""Nats per token. Without an adapter the two differ by 0.001 to 0.002."""


@dataclass(frozen=True)
class Answer:
    """Log-probabilities after the last ids of the prompt, [ROWS, vocabulary]; greedy tokens."""

    logprobs: Tensor
    tokens: list[int]

    def kl(self, other: "Answer") -> float:
        """Mean KL(self ‖ other), in nats."""
        return float((self.logprobs.exp() * (self.logprobs - other.logprobs)).sum(-1).mean())


@pytest.fixture(scope="module", params=["smollm2-135m", "qwen2.5-coder-0.5b"])
def gguf(request: pytest.FixtureRequest) -> Path:
    """The GGUF file of a built-in model. The rows of the first are reordered there."""
    folder = default_model_cache().parent / "test-llama-cpp"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{request.param}.gguf"
    if not path.exists():
        fetch_gguf(BUILT_IN[request.param], path, lambda phase, done, total: None)
    return path


@pytest.mark.timeout(1800)
def test_llama_cpp_does_with_the_export_what_peft_does_with_the_folder(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.config.to_json_file(tmp_path / "config.json")
    ids = prompt_ids(gguf)
    plain = reference(model, ids)
    folder = write_adapter(model, tmp_path / "adapter")
    adapted = reference(PeftModel.from_pretrained(model, str(folder)), ids)
    assert adapted.kl(plain) > 10 * CLOSE and adapted.tokens != plain.tokens

    assert plain.kl(llama_cpp(gguf, None, ids)) < CLOSE
    exported = llama_cpp(gguf, export(folder, tmp_path), ids)
    assert adapted.kl(exported) < CLOSE
    assert exported.tokens == adapted.tokens

    target = read_gguf_target(tmp_path)
    architecture, is_reordered = gguf_export._ARCHITECTURES[target.model_type]
    other_order = (architecture, not is_reordered)
    monkeypatch.setitem(gguf_export._ARCHITECTURES, target.model_type, other_order)
    assert adapted.kl(llama_cpp(gguf, export(folder, tmp_path), ids)) > 5 * CLOSE


def prompt_ids(gguf: Path) -> list[int]:
    """The question in the model's chat template."""
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    turns = [{"role": "user", "content": QUESTION}]
    text = str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
    return list(tokenizer.encode(text, add_special_tokens=False))


def write_adapter(model: PreTrainedModel, folder: Path) -> Path:
    """A random adapter that changes the reply and leaves it a text."""
    folder.mkdir()
    shapes = linear_shapes(model, LORA.targets)
    # The larger model's residual stream is the more sensitive one.
    scale = 0.12 if model.config.hidden_size < 800 else 0.02
    tensors = {
        name: tensor * (scale if "lora_B" in name else tensor.shape[1] ** -0.5)
        for name, tensor in random_adapter(shapes, seed=7, scale=1.0, rank=LORA.rank).items()
    }
    save_file(tensors, folder / WEIGHTS_FILE)
    targets = sorted({path.rpartition(".")[2] for path in shapes})
    write_peft_config(folder, lora=LORA, base_model="x", base_revision="r", targets=targets)
    return folder


def export(folder: Path, base: Path) -> Path:
    """The adapter as a GGUF file."""
    path = folder.with_suffix(".gguf")
    write_gguf_adapter(folder, path, lora=LORA, target=read_gguf_target(base))
    return path


@torch.no_grad()
def reference(model: torch.nn.Module, ids: list[int]) -> Answer:
    """The answer of transformers."""
    logits = model(torch.tensor([ids])).logits[0, -ROWS:]
    tokens: list[int] = []
    for _ in range(NEW_TOKENS):
        last = model(torch.tensor([ids + tokens])).logits[0, -1]
        tokens.append(int(last.argmax()))
    return Answer(logits.log_softmax(-1), tokens)


def llama_cpp(model: Path, adapter: Path | None, ids: list[int]) -> Answer:
    """The answer of llama.cpp."""
    script = Path(__file__).with_name("evaluate.mjs")
    arguments = [os.environ["LLAMA_CPP"], model, adapter or "", json.dumps(ids), NEW_TOKENS]
    command = ["node", str(script), *map(str, arguments)]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return Answer(torch.tensor(answer["logits"]).log_softmax(-1), answer["tokens"])
