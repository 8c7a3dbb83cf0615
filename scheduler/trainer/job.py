"""What the training child is asked and what it answers, as files in one folder.

`job.json` and `dataset.jsonl` go in; `adapter/` and `result.json` come out. Needs no torch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adapters_store.records import LoraConfig
from feedback.filters.records import Rejection, RejectionReason
from feedback.rules.rule import Rule
from scheduler.records import Evaluation, MemoryConfig, TrainingConfig

JOB_FILE = "job.json"
DATASET_FILE = "dataset.jsonl"
RESULT_FILE = "result.json"
ADAPTER_FOLDER = "adapter"


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One fit: the base, the adapter's shape, how to train, and what to compare with.

    `base_path` is the local folder of the weights; `base_model` is the name that the adapter's
    config carries. `device` is `cpu` or `cuda`, `dtype` a torch dtype's name such as `bfloat16`.
    `incumbent` is the folder of the version in use, None for the base; its training examples are
    `incumbent_example_ids`. `reference_replies`, `kl_replies` and each round of `probes` are prompts of other
    things, with what the base replies: drift is measured on the first, and may be `max_reference_kl`
    nats per token, the fit holds on to the second, and to the last the adapter replies, and is
    corrected by the `rules`. A `warm_start` goes on from the incumbent's weights.
    """

    base_path: str
    base_model: str
    base_revision: str
    device: str
    dtype: str
    threads: int
    lora: LoraConfig
    training: TrainingConfig
    memory: MemoryConfig
    incumbent: str | None
    incumbent_example_ids: tuple[str, ...]
    reference_replies: tuple[tuple[str, str], ...]
    max_reference_kl: float
    kl_replies: tuple[tuple[str, str], ...]
    probes: tuple[tuple[tuple[str, str], ...], ...] = ()
    rules: tuple[Rule, ...] = ()
    warm_start: bool = False


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a fit made: the folder that holds the adapter, what was measured, what it used.

    `lora_targets` are the module paths that carry the adapter. `evaluation` may hold NaN when the
    fit diverged; the gate refuses that. `rejections` are the examples of the dataset, by id, that
    were not trained on after all.
    """

    adapter: Path
    evaluation: Evaluation
    usage: Mapping[str, Any]
    lora_targets: tuple[str, ...]
    rejections: Mapping[str, Rejection] = field(default_factory=dict)


def write_job(folder: Path, job: TrainingJob) -> None:
    """Write `job.json` into `folder`."""
    (folder / JOB_FILE).write_text(json.dumps(asdict(job)), encoding="utf-8")


def read_job(folder: Path) -> TrainingJob:
    """Read `job.json` from `folder`.

    Raises `ValueError` when it is not a job.
    """
    try:
        row = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        lora = row.pop("lora")
        targets, ids = tuple(lora.pop("targets")), tuple(row.pop("incumbent_example_ids"))
        reference_replies, kl_replies, *probes = (
            tuple((prompt, reply) for prompt, reply in exchanges)
            for exchanges in (
                row.pop("reference_replies"),
                row.pop("kl_replies"),
                *row.pop("probes"),
            )
        )
        return TrainingJob(
            lora=LoraConfig(**lora, targets=targets),
            training=TrainingConfig(**row.pop("training")),
            memory=MemoryConfig(**row.pop("memory")),
            incumbent_example_ids=ids,
            reference_replies=reference_replies,
            kl_replies=kl_replies,
            probes=tuple(probes),
            rules=tuple(Rule(**rule) for rule in row.pop("rules")),
            **row,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{JOB_FILE} is not a job: {error}") from error


def write_result(
    folder: Path,
    evaluation: Evaluation,
    usage: Mapping[str, Any],
    lora_targets: tuple[str, ...],
    rejections: Mapping[str, Rejection] | None = None,
) -> None:
    """Write `result.json` into `folder`; the adapter lies beside it."""
    row = {
        "evaluation": asdict(evaluation),
        "usage": dict(usage),
        "lora_targets": list(lora_targets),
        "rejections": {name: asdict(cause) for name, cause in (rejections or {}).items()},
    }
    (folder / RESULT_FILE).write_text(json.dumps(row), encoding="utf-8")


def read_result(folder: Path, adapter: Path) -> JobResult:
    """Read `result.json` from `folder`, for an adapter that lies in `adapter`.

    Raises `ValueError` when it is not a result.
    """
    try:
        row = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
        return JobResult(
            adapter=adapter,
            evaluation=Evaluation(**row["evaluation"]),
            usage=dict(row["usage"]),
            lora_targets=tuple(row["lora_targets"]),
            rejections={name: _cause(**cause) for name, cause in row["rejections"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{RESULT_FILE} is not a result: {error}") from error


def _cause(reason: str, why: str, other: str | None) -> Rejection:
    return Rejection(RejectionReason(reason), why, other)
