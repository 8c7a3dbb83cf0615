from typing import Any

import pytest

from adapters_store.exchange.base_names import base_warning
from adapters_store.exchange.imported_config import read_imported_config

REVISION = "a" * 64


def warning(model: str = "smollm2-135m", **changes: Any) -> str | None:
    settings = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]}
    config = read_imported_config(settings | changes, rank=8)
    return base_warning(config, model=model, revision=REVISION)


@pytest.mark.parametrize(
    "name",
    [
        "smollm2-135m",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "/home/me/models/SmolLM2-135M-Instruct/",
        r"C:\models\SmolLM2-135M-Instruct",
        "./smollm2-135m",
    ],
)
def test_the_name_the_id_and_a_path_that_ends_in_them_are_known(name: str) -> None:
    assert warning(base_model_name_or_path=name) is None


def test_a_model_from_hugging_face_is_known_by_its_id_and_by_a_local_copy() -> None:
    for name in ("Qwen/Qwen3-0.6B", "/models/Qwen3-0.6B"):
        assert warning("Qwen/Qwen3-0.6B", base_model_name_or_path=name) is None


@pytest.mark.parametrize(
    "name", ["unsloth/smollm2-135m-instruct-bnb-4bit", "Qwen/Qwen2.5-0.5B-Instruct", "base"]
)
def test_another_name_is_a_warning_that_has_it(name: str) -> None:
    assert f"was made for {name!r}" in (warning(base_model_name_or_path=name) or "")


@pytest.mark.parametrize("name", [None, "", 7])
def test_no_name_is_a_warning(name: object) -> None:
    assert "does not say" in (warning(base_model_name_or_path=name) or "")


def test_another_revision_of_the_same_model_is_a_warning() -> None:
    known = {"base_model_name_or_path": "smollm2-135m"}
    assert warning(**known, revision=REVISION) is None
    assert "b" * 64 in (warning(**known, revision="b" * 64) or "")


@pytest.mark.parametrize("revision", ["main", "b" * 40, None])
def test_a_revision_that_cannot_be_compared_is_none(revision: str | None) -> None:
    assert warning(base_model_name_or_path="smollm2-135m", revision=revision) is None
