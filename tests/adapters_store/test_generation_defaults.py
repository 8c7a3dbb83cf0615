from typing import Any

import pytest

from adapters_store.generation_defaults import GenerationDefaults, generation_defaults


def test_the_models_own_configuration_decides() -> None:
    configured = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20}
    expected = GenerationDefaults(temperature=0.6, top_p=0.95, top_k=20)
    assert generation_defaults("Qwen/Qwen3-0.6B", configured) == expected
    assert generation_defaults("smollm2-135m", configured) == expected


def test_a_built_in_model_without_a_configuration_has_defaults_all_the_same() -> None:
    unset = {"temperature": None, "top_p": None, "top_k": None, "eos_token_id": 2}
    assert generation_defaults("smollm2-135m", unset) == GenerationDefaults(0.4, 0.9)
    assert generation_defaults("qwen2.5-coder-0.5b", {}) == GenerationDefaults(0.7, 0.8, 20)
    assert generation_defaults("qwen2.5-coder-1.5b", {}) == GenerationDefaults(0.7, 0.8, 20)


def test_without_either_openais_defaults_hold() -> None:
    assert generation_defaults("tiny", {}) == GenerationDefaults(1.0, 1.0, 0)


def test_what_a_configuration_leaves_out_is_not_taken_from_a_built_in_model() -> None:
    expected = GenerationDefaults(temperature=0.2)
    assert generation_defaults("smollm2-135m", {"temperature": 0.2}) == expected


@pytest.mark.parametrize(
    "value",
    [{"temperature": -1}, {"temperature": "hot"}, {"top_p": 3}, {"top_k": -1}, {"top_p": True}],
    ids=str,
)
def test_a_value_that_no_request_could_have_is_ignored(value: dict[str, Any]) -> None:
    assert generation_defaults("tiny", value) == GenerationDefaults()
