import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig as PeftConfig

from adapters_store.errors import AdapterInvalidError
from adapters_store.exchange.imported_config import ImportedConfig, read_imported_config

PATH = "model.layers.3.mlp.up_proj"


def settings(**changes: Any) -> dict[str, Any]:
    """Every setting, as this release of PEFT writes them."""
    theirs: Any = PeftConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", target_modules=["up_proj"])
    written: dict[str, Any] = theirs.to_dict()
    return written | {"target_modules": ["up_proj"]} | changes


def read(**changes: Any) -> ImportedConfig:
    return read_imported_config(settings(**changes), rank=8)


def test_every_setting_at_its_default_is_accepted() -> None:
    config = read()
    assert (config.rank_of(PATH), config.scaling_of(PATH)) == (4, 2.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"lora_dropout": 0.05},
        {"inference_mode": True},
        {"base_model_name_or_path": "unsloth/a-bnb-4bit", "revision": "main"},
        {"auto_mapping": {"base_model_class": "Llama", "unsloth_fixed": True}},
        {"layers_to_transform": [0, 1]},
        {"exclude_modules": ["lm_head"]},
        {"init_lora_weights": "eva", "eva_config": {"rho": 2.0}},
        {"fan_in_fan_out": True},
        {"task_type": None},
        {"something_of_the_future": False},
    ],
    ids=str,
)
def test_what_changes_no_sum_is_accepted(changes: dict[str, Any]) -> None:
    read(**changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"peft_type": "LOHA"}, "Only LoRA"),
        ({"r": 16}, r"r is 16, this deployment has 8: .* r = 8 or less.* lora.rank = 16"),
        ({"rank_pattern": {"up_proj": 32}}, "r of up_proj is 32, this deployment has 8"),
        ({"r": 0}, "no rank"),
        ({"r": True}, "no rank"),
        ({"r": "4"}, "no rank"),
        ({"r": 10**400}, "this deployment has 8"),
        ({"lora_alpha": 0}, "no positive number"),
        ({"lora_alpha": float("nan")}, "no positive number"),
        ({"lora_alpha": 1e300}, "no positive number"),
        ({"lora_alpha": None}, "no positive number"),
        ({"alpha_pattern": {"up_proj": "8"}}, "lora_alpha of up_proj"),
        ({"rank_pattern": {"(a+)+": 2}}, "no name of a module"),
        ({"rank_pattern": [2]}, "no object"),
        ({"modules_to_save": ["lm_head"]}, "whole copies of base layers"),
        ({"use_dora": True}, "DoRA rescales"),
        ({"bias": "all"}, "trains biases"),
        ({"lora_bias": True}, "have biases"),
        ({"init_lora_weights": "pissa"}, "changes the base weights"),
        ({"trainable_token_indices": [1]}, "token embeddings"),
        ({"layer_replication": [[0, 2]]}, "repeats layers"),
        ({"target_parameters": ["experts"]}, "no linear layers"),
        ({"task_type": "SEQ_CLS"}, "SEQ_CLS"),
        ({"something_of_the_future": 1}, "something_of_the_future"),
        ({"target_modules": None}, "no list of names"),
        ({"target_modules": [1]}, "no list of names"),
    ],
    ids=str,
)
def test_what_cannot_be_imported_is_refused_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AdapterInvalidError, match=reason):
        read(**changes)


def test_the_first_name_that_matches_decides() -> None:
    config = read(
        rank_pattern={"3.mlp.up_proj": 2, "up_proj": 6, "^layers.3.mlp.up_proj": 1},
        alpha_pattern={"^model.layers.3.mlp.up_proj": 1, "proj": 5},
    )
    assert config.rank_of(PATH) == 2
    assert config.rank_of("model.layers.4.mlp.up_proj") == 6
    assert config.scaling_of(PATH) == 0.5
    assert config.scaling_of("model.layers.4.mlp.up_proj") == 8 / 6


def test_the_rank_stabilised_scaling_divides_by_the_root() -> None:
    assert read(use_rslora=True, r=3).scaling_of(PATH) == 8 / math.sqrt(3)


def test_targets_are_whole_names_at_the_end_of_a_path() -> None:
    paths = ["model.layers.0.up_proj", "model.layers.0.my_up_proj", "up_proj"]
    assert read().adapted(paths) == {"model.layers.0.up_proj", "up_proj"}
    assert read(target_modules="all-linear").adapted(paths) == set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(settings())), JSON, max_size=4))
def test_no_value_crashes_it(changes: dict[str, Any]) -> None:
    try:
        config = read(**changes)
    except AdapterInvalidError:
        return
    assert math.isfinite(config.scaling_of(PATH))
    assert 1 <= config.rank_of(PATH) <= 8
