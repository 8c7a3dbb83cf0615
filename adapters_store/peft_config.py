"""The two text files of a PEFT adapter folder, and which configurations Loralei accepts."""

import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters_store.errors import AdapterInvalidError
from adapters_store.records import LoraConfig

CONFIG_FILE = "adapter_config.json"
CARD_FILE = "README.md"

# Settings that do not change what an adapter computes.
_INERT = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "inference_mode",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
    }
)
_COMPARED = frozenset({"peft_type", "r", "lora_alpha", "target_modules"})
_HARMLESS: dict[str, tuple[object, ...]] = {
    "task_type": (None, "CAUSAL_LM"),
    "bias": (None, "none"),
    # Others, such as PiSSA, change the base weights too.
    "init_lora_weights": (None, True, False, "gaussian"),
}
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CARD = """\
---
library_name: peft
base_model: {base_model}
tags:
- lora
---

# A LoRA adapter for {base_model}

{origin} It fits revision `{base_revision}` of the base model.
Rank {rank}, alpha {alpha:g}, on {targets}. Load it with PEFT:

```python
from peft import PeftModel

model = PeftModel.from_pretrained(base_model, "path/to/this/folder")
```
"""


TRAINED_HERE = "Made by Loralei from one user's feedback."
TRAINED_ELSEWHERE = "Trained elsewhere and imported into Loralei."


def write_peft_config(
    folder: Path,
    *,
    lora: LoraConfig,
    base_model: str,
    base_revision: str,
    targets: Sequence[str],
    origin: str = TRAINED_HERE,
) -> None:
    """Write `adapter_config.json`, which PEFT loads, and a `README.md` card with the `origin`.

    `targets` are the adapted layers' names as PEFT's `target_modules` spells them.
    """
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "revision": base_revision,
        "inference_mode": True,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "target_modules": sorted(targets),
        "peft_version": importlib.metadata.version("peft"),
    }
    card = _CARD.format(
        origin=origin,
        base_model=base_model,
        base_revision=base_revision,
        rank=lora.rank,
        alpha=lora.alpha,
        targets=", ".join(f"`{target}`" for target in sorted(targets)),
    )
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(card, encoding="utf-8")


def check_peft_config(
    text: bytes, *, lora: LoraConfig, base_model: str, base_revision: str | None, targets: set[str]
) -> None:
    """Raise `AdapterInvalidError` if PEFT would compute anything else than Loralei.

    `base_revision` is compared if both sides name an exact revision. Unknown settings must be off.
    """
    config = _parse(text)
    _expect(config, "peft_type", "LORA")
    _expect(config, "r", lora.rank)
    _expect(config, "lora_alpha", lora.alpha)
    _expect(config, "base_model_name_or_path", base_model)
    revision = config.get("revision")
    if base_revision is not None and isinstance(revision, str) and _HASH.fullmatch(revision):
        _expect(config, "revision", base_revision)
    modules = config.get("target_modules")
    if not isinstance(modules, list) or not all(isinstance(name, str) for name in modules):
        raise AdapterInvalidError(f"{CONFIG_FILE}: target_modules is not a list of names")
    if set(modules) != targets:
        raise AdapterInvalidError(
            f"{CONFIG_FILE}: target_modules are {short(sorted(modules))}, "
            f"this deployment adapts {sorted(targets)}"
        )
    _refuse_variants(config)


def _refuse_variants(config: Mapping[str, Any]) -> None:
    for name, value in config.items():
        if name in _COMPARED or name in _INERT:
            continue
        is_harmless = value in _HARMLESS[name] if name in _HARMLESS else not value
        if not is_harmless:
            raise AdapterInvalidError(
                f"{CONFIG_FILE}: {short(name)} = {short(value)} is not supported"
            )


def _expect(config: Mapping[str, Any], name: str, expected: str | float) -> None:
    value = config.get(name)
    # In Python, True == 1.
    if isinstance(value, bool) or value != expected:
        raise AdapterInvalidError(
            f"{CONFIG_FILE}: {name} is {short(value)}, this deployment has {expected!r}"
        )


def _parse(text: bytes) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AdapterInvalidError(f"{CONFIG_FILE} is not JSON") from error
    if not isinstance(config, dict):
        raise AdapterInvalidError(f"{CONFIG_FILE} is not a JSON object")
    return config


def short(value: object) -> str:
    """A value from elsewhere, short enough for a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
