"""What the `adapter_config.json` of an adapter trained elsewhere says. Pure.

PEFT has many settings. Those that only select or initialise linears change nothing that the weights
do not show. Those that make another sum than base + scaling · B · A are refused, by name.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters_store.errors import AdapterInvalidError
from adapters_store.peft_config import CONFIG_FILE, short

_ADVICE = "Only plain LoRA can be imported: train the adapter again without it"
# These change neither what an adapter computes nor which tensors it has, or the tensors show it.
_INERT = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "ensure_weight_tying",  # of modules_to_save
        "eva_config",  # an initialisation
        "exclude_modules",
        "fan_in_fan_out",  # PEFT ignores it on a linear
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
    }
)
_READ = frozenset(
    {
        "alpha_pattern",
        "lora_alpha",
        "peft_type",
        "r",
        "rank_pattern",
        "target_modules",
        "use_rslora",
    }
)
_ALLOWED: dict[str, tuple[object, ...]] = {
    "task_type": (None, "CAUSAL_LM"),
    "bias": (None, "none"),
    # Others, such as PiSSA, change the base weights, too.
    "init_lora_weights": (None, True, False, "gaussian", "eva", "orthogonal"),
}
_REASONS = {
    "modules_to_save": "it holds whole copies of base layers",
    "use_dora": "DoRA rescales the base weights",
    "bias": "it trains biases of the base model",
    "lora_bias": "its low-rank layers have biases",
    "init_lora_weights": "this initialisation changes the base weights",
    "layer_replication": "it repeats layers of the base model",
    "trainable_token_indices": "it trains token embeddings",
    "target_parameters": "it adapts parameters that are no linear layers",
    "alora_invocation_tokens": "it is active only after some tokens",
}
_MODULE_NAME = re.compile(r"\^?[A-Za-z0-9_.\-]+")
_MAX_PATTERNS = 4096
_MAX_ALPHA = 1e9


@dataclass(frozen=True, slots=True)
class ImportedConfig:
    """The settings that matter. `ranks` and `alphas` are exceptions by module name, first match
    first. `targets` are None if they are no list of names: then the weights alone decide."""

    base_model: str | None
    revision: str | None
    rank: int
    alpha: float
    ranks: tuple[tuple[str, int], ...]
    alphas: tuple[tuple[str, float], ...]
    uses_rslora: bool
    targets: tuple[str, ...] | None

    def rank_of(self, path: str) -> int:
        """The rank of one linear."""
        return next((rank for name, rank in self.ranks if _is_named(path, name)), self.rank)

    def scaling_of(self, path: str) -> float:
        """What the product of one linear's matrices is multiplied with: alpha / rank, or
        alpha / √rank with rank-stabilised LoRA (Kalajdzievski 2023, arXiv 2312.03732)."""
        alpha = next((alpha for name, alpha in self.alphas if _is_named(path, name)), self.alpha)
        rank = self.rank_of(path)
        return alpha / (math.sqrt(rank) if self.uses_rslora else rank)

    def adapted(self, paths: Iterable[str]) -> set[str]:
        """Those of the linears `paths` that must have weights."""
        names = self.targets or ()
        return {path for path in paths if any(_is_named(path, name) for name in names)}


def read_imported_config(config: Mapping[str, Any], *, rank: int) -> ImportedConfig:
    """Read a configuration for a deployment of this `rank`.

    Raises `AdapterInvalidError` for an adapter that cannot be imported, with the reason.
    """
    kind = config.get("peft_type")
    if kind != "LORA":
        raise _refused(f"peft_type is {short(kind)}. Only LoRA adapters can be imported")
    _refuse_variants(config)
    ranks = _exceptions(config, "rank_pattern")
    alphas = _exceptions(config, "alpha_pattern")
    imported = ImportedConfig(
        base_model=_text(config, "base_model_name_or_path"),
        revision=_text(config, "revision"),
        rank=_rank("r", config.get("r")),
        alpha=_alpha("lora_alpha", config.get("lora_alpha")),
        ranks=tuple((name, _rank(f"r of {name}", value)) for name, value in ranks),
        alphas=tuple((name, _alpha(f"lora_alpha of {name}", value)) for name, value in alphas),
        uses_rslora=bool(config.get("use_rslora")),
        targets=_targets(config),
    )
    _refuse_higher_ranks(imported, rank)
    return imported


def _refuse_variants(config: Mapping[str, Any]) -> None:
    for name, value in config.items():
        if name in _READ or name in _INERT:
            continue
        is_allowed = value in _ALLOWED[name] if name in _ALLOWED else not value
        if not is_allowed:
            reason = f" ({_REASONS[name]})" if name in _REASONS else ""
            raise _refused(f"{short(name)} is {short(value)}{reason}. {_ADVICE}")


def _refuse_higher_ranks(config: ImportedConfig, most: int) -> None:
    name, rank = max([("r", config.rank), *config.ranks], key=lambda pair: pair[1])
    if rank > most:
        what = "r" if name == "r" else f"r of {name}"
        raise _refused(
            f"{what} is {short(rank)}, this deployment has {most}: train the adapter again with r ="
            f" {most} or less, or use a deployment with the setting lora.rank = {short(rank)}"
        )


def _rank(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _refused(f"{short(name)} is {short(value)}, which is no rank")
    return value


def _alpha(name: str, value: object) -> float:
    if isinstance(value, int | float) and value is not True and 0 < value < _MAX_ALPHA:
        return float(value)
    raise _refused(f"{short(name)} is {short(value)}, which is no positive number")


def _exceptions(config: Mapping[str, Any], setting: str) -> Sequence[tuple[str, object]]:
    patterns = config.get(setting) or {}
    if not isinstance(patterns, dict) or len(patterns) > _MAX_PATTERNS:
        raise _refused(f"{setting} is no object of at most {_MAX_PATTERNS} names")
    for name in patterns:
        # PEFT reads regular expressions here. One from elsewhere could take for ever.
        if not _MODULE_NAME.fullmatch(name):
            raise _refused(f"{setting} has {short(name)}, which is no name of a module")
    return list(patterns.items())


def _targets(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The listed modules; None for "all-linear", a regular expression, or a part of the layers."""
    modules = config.get("target_modules")
    if isinstance(modules, list):
        if not all(isinstance(name, str) for name in modules):
            raise _refused("target_modules is no list of names")
        is_partial = config.get("layers_to_transform") is not None or config.get("exclude_modules")
        return None if is_partial else tuple(modules)
    if not isinstance(modules, str):
        raise _refused(f"target_modules is {short(modules)}, which is no list of names")
    return None


def _text(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    return value if isinstance(value, str) and value else None


def _is_named(path: str, name: str) -> bool:
    """Whether PEFT would apply `name` to the module at `path`: the whole path, or its end."""
    if name.startswith("^"):
        return path == name[1:]
    return path == name or path.endswith(f".{name}")


def _refused(reason: str) -> AdapterInvalidError:
    return AdapterInvalidError(f"{CONFIG_FILE}: {reason}")
