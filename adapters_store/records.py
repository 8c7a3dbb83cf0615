"""The records of adapters. Times are UTC seconds since the epoch as `float`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

BASE = "base"

Precision = Literal["int8", "bfloat16", "float32"]
"""The format of the base's packed weights."""


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """The adapter shape of a deployment.

    `targets` names linear layers by the last part of their module path, like PEFT's
    `target_modules`. Empty means every linear layer except the output head.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ()

    @property
    def scaling(self) -> float:
        """alpha / rank (Hu et al. 2021, section 4.1)."""
        return self.alpha / self.rank

    def widened(self, times: int) -> "LoraConfig":
        """Adapters of so many times the rank, with the same scaling."""
        return replace(self, rank=self.rank * times, alpha=self.alpha * times)


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """One version of one user's adapter; all but `withdrawn_at` is immutable.

    `folder` is a random name, because ids never become paths. `checksum` is the SHA-256 of
    `adapter_model.safetensors`. `example_ids` are its training examples; `report` holds the
    evaluation's measures and the gate's verdict. Since `withdrawn_at` some feedback that it learned
    from is gone, and it must not answer.
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
    withdrawn_at: float | None = None

    @property
    def label(self) -> str:
        """Its name in responses, such as `v3`."""
        return f"v{self.number}"


@dataclass(frozen=True, slots=True)
class StagedAdapter:
    """A candidate that may become a version.

    `folder` is the random name of its staged folder, `checksum` the SHA-256 of its weights.
    """

    folder: str
    checksum: str

    @property
    def label(self) -> str:
        """Its name in messages."""
        return "the candidate"


@dataclass(frozen=True, slots=True)
class StackedAdapter:
    """A user's version and the organisation's, which answer together: their products are added."""

    own: AdapterVersion
    organisation: AdapterVersion

    @property
    def folder(self) -> str:
        """What tells it from every other adapter; no folder has this name."""
        return f"{self.own.folder}+{self.organisation.folder}"


StoredAdapter = AdapterVersion | StagedAdapter
"""An adapter with a folder of its own."""

ServableAdapter = StoredAdapter | StackedAdapter
"""An adapter that the engine can load."""


def parts_of(adapter: ServableAdapter) -> tuple[StoredAdapter, ...]:
    """The stored adapters that an adapter consists of."""
    return (
        (adapter.own, adapter.organisation) if isinstance(adapter, StackedAdapter) else (adapter,)
    )


@dataclass(frozen=True, slots=True)
class Promotion:
    """One move of a user's pointer between versions; `None` is the base model."""

    user_id: str
    from_number: int | None
    to_number: int | None
    by: str
    at: float
    reason: str
