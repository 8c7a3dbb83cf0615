"""How a base model's replies are sampled if nobody says otherwise. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_TOP_K = 1_000_000


@dataclass(frozen=True, slots=True)
class GenerationDefaults:
    """Without a request's own values these hold. Zero `top_k` means no limit."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


# These come as GGUF files, which have no generation_config.
_BUILT_IN = {
    # It talks nonsense at higher temperatures.
    "smollm2-135m": GenerationDefaults(temperature=0.4, top_p=0.9),
    # From the generation_config of the official model.
    "qwen2.5-coder-0.5b": GenerationDefaults(temperature=0.7, top_p=0.8, top_k=20),
    "qwen2.5-coder-1.5b": GenerationDefaults(temperature=0.7, top_p=0.8, top_k=20),
}


def generation_defaults(name: str, generation_config: Mapping[str, Any]) -> GenerationDefaults:
    """The defaults of a base model by its name and its `generation_config`.

    A configuration that sets any of the three values decides; else those of a built-in model hold,
    else OpenAI's. Values that no request could have are ignored.
    """
    temperature = _number(generation_config.get("temperature"), at_most=2)
    top_p = _number(generation_config.get("top_p"), at_most=1)
    top_k = _number(generation_config.get("top_k"), at_most=MAX_TOP_K)
    if temperature is None and top_p is None and top_k is None:
        return _BUILT_IN.get(name, GenerationDefaults())
    return GenerationDefaults(
        temperature=1.0 if temperature is None else temperature,
        top_p=1.0 if top_p is None else top_p,
        top_k=int(top_k or 0),
    )


def _number(value: Any, *, at_most: float) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= at_most else None
