"""A GGUF file becomes an ordinary chat model, or the reason why it cannot is said."""

from pathlib import Path

import gguf as gguf_format
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from adapters_store.errors import ModelFetchError
from adapters_store.models.convert import convert
from adapters_store.models.gguf_conversion import UnreadableGgufError, add_markers
from adapters_store.models.gguf_conversion import convert as convert_in_process
from tests.adapters_store.models.test_pip_index import use_python
from tests.adapters_store.models.tiny_gguf import (
    CHAT_TEMPLATE,
    CONTEXT_LENGTH,
    END_TOKEN_IDS,
    EOS_TOKEN_ID,
    write_tiny_gguf,
)


def ignore(phase: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    return tmp_path / "tiny.gguf"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "converted").mkdir()
    return tmp_path / "converted"


def test_a_gguf_file_becomes_an_ordinary_chat_model(gguf: Path, folder: Path) -> None:
    tensors = write_tiny_gguf(gguf)
    folder.rmdir()
    convert(gguf, folder, {"model": "tiny"}, ignore)
    weights = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    np.testing.assert_allclose(
        weights["model.layers.0.mlp.down_proj.weight"].float().numpy(),
        tensors["blk.0.ffn_down.weight"],
        rtol=1e-2,
    )
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.generation_config.eos_token_id == END_TOKEN_IDS
    assert tokenizer.eos_token_id == EOS_TOKEN_ID
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.model_max_length == CONTEXT_LENGTH
    assert tokenizer.decode(tokenizer.encode("hi, Zoë 12")) == "hi, Zoë 12"


def test_the_token_that_ends_a_turn_ends_a_reply_too(gguf: Path, folder: Path) -> None:
    write_tiny_gguf(gguf, facts={"tokenizer.ggml.eot_token_id": 1})
    convert_in_process(gguf, folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == [EOS_TOKEN_ID, 1, 0]


def test_a_marker_that_the_loader_reads_letter_by_letter_becomes_one_token() -> None:
    vocabulary = {"<t>": 0, "▁▁": 1, **{letter: n for n, letter in enumerate("<t>abc", 2)}}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    )
    assert len(tokenizer.encode("a<t>b")) == 5
    kinds = [gguf_format.TokenType.USER_DEFINED] * 2 + [gguf_format.TokenType.NORMAL] * 6
    tokens = ["<t>", "▁▁", *"<t>abc"]
    add_markers({"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": kinds}, tokenizer)
    assert tokenizer.encode("a<t>b") == [5, 0, 6]
    assert list(tokenizer.added_tokens_decoder) == [0]


def test_files_that_lie_beside_the_gguf_are_not_read(gguf: Path, folder: Path) -> None:
    write_tiny_gguf(gguf)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (gguf.parent / name).write_text("no JSON")
    convert_in_process(gguf, folder)
    assert AutoTokenizer.from_pretrained(folder).chat_template == CHAT_TEMPLATE


def test_an_architecture_that_cannot_be_read_is_named(gguf: Path, folder: Path) -> None:
    write_tiny_gguf(gguf, architecture="rwkv7")
    with pytest.raises(UnreadableGgufError, match="cannot read it.*`rwkv7`"):
        convert_in_process(gguf, folder)
    assert list(folder.iterdir()) == []


def test_weights_that_are_missing_are_not_made_up(gguf: Path, folder: Path) -> None:
    write_tiny_gguf(gguf, without=["blk.0.ffn_up.weight"])
    with pytest.raises(UnreadableGgufError, match=r"1 are missing, such as .*up_proj\.weight"):
        convert_in_process(gguf, folder)


def test_a_file_that_is_no_gguf_is_explained(gguf: Path, folder: Path) -> None:
    gguf.write_bytes(b"<!doctype html>" * 100)
    with pytest.raises(UnreadableGgufError, match="is no GGUF file"):
        convert_in_process(gguf, folder)


def test_an_adapter_as_gguf_is_explained(gguf: Path, folder: Path) -> None:
    write_tiny_gguf(gguf, facts={"general.type": "adapter"})
    with pytest.raises(UnreadableGgufError, match="holds no model but this: adapter"):
        convert_in_process(gguf, folder)


def test_one_of_several_parts_is_explained(gguf: Path, folder: Path) -> None:
    write_tiny_gguf(gguf, facts={"split.count": 3})
    with pytest.raises(UnreadableGgufError, match="one of 3 parts: merge them"):
        convert_in_process(gguf, folder)


def test_a_model_without_a_chat_template_is_explained(gguf: Path, folder: Path) -> None:
    write_tiny_gguf(gguf, chat_template=None)
    with pytest.raises(UnreadableGgufError, match="choose an instruct model"):
        convert_in_process(gguf, folder)


def test_the_reason_of_the_conversion_reaches_the_operator(gguf: Path, folder: Path) -> None:
    gguf.write_bytes(b"x" * 1000)
    with pytest.raises(ModelFetchError, match="could not convert tiny.gguf: it is no GGUF file"):
        convert(gguf, folder, {}, ignore)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [("echo 'OSError: full' >&2; exit 1", "OSError: full"), ("kill -9 $$", "killed by signal 9")],
)
def test_a_failed_conversion_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path, script: str, reason: str
) -> None:
    use_python(monkeypatch, tmp_path, script)
    with pytest.raises(ModelFetchError, match=reason):
        convert(tmp_path / "x.gguf", folder, {}, ignore)
