"""The vocabulary of adapters. Times are UTC seconds since the epoch as `float`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BASE = "base"


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """The one adapter shape of a deployment.

    `targets` names linear layers by the last part of their module path, as PEFT's
    `target_modules` does; empty means every linear layer except the output head.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ()

    @property
    def scaling(self) -> float:
        """alpha / rank (Hu et al. 2021, section 4.1)."""
        return self.alpha / self.rank


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """One immutable generation of one user's adapter.

    `folder` is a random name made by the server: ids never become paths. `checksum` is the
    SHA-256 of `adapter_model.safetensors`. `example_ids` are the training examples it learned
    from; `report` is what evaluation measured and what the gate said.
    """

    user_id: str
    number: int
    parent: int | None
    folder: str
    checksum: str
    size_bytes: int
    base_model: str
    base_revision: str
    lora: LoraConfig
    created_at: float
    created_by: str
    run_id: str | None = None
    dataset_hash: str | None = None
    seed: int | None = None
    example_ids: tuple[str, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How responses name it: `v3`."""
        return f"v{self.number}"


@dataclass(frozen=True, slots=True)
class StagedAdapter:
    """An adapter that is no version yet: it is tried before it may become one.

    `folder` is the random name of its staged folder, `checksum` the SHA-256 of its weights.
    """

    folder: str
    checksum: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return "the candidate"


ServableAdapter = AdapterVersion | StagedAdapter
"""What replies can be written with."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One move of a user's pointer: from one version to another, by whom, when and why.

    `None` stands for the base model.
    """

    user_id: str
    from_number: int | None
    to_number: int | None
    by: str
    at: float
    reason: str
