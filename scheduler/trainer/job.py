"""The training job and its result as files in one folder. Needs no torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters_store.records import LoraConfig, Precision
from feedback.filters.records import Rejection, RejectionReason
from feedback.rules.rule import Rule
from scheduler.fit.lessons import Lessons, read_lessons, write_lessons
from scheduler.records import Evaluation, MemoryConfig, TrainingConfig

JOB_FILE = "job.json"
DATASET_FILE = "dataset.jsonl"
LESSONS_FILE = "lessons.jsonl"
RESULT_FILE = "result.json"
ADAPTER_FOLDER = "adapter"


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One fit: the base, the adapter's shape, how to train, and what to compare with.

    - `base_path` is the local folder of the weights, `base_model` the name in the adapter's config.
    - `device` is `cpu` or `cuda`; `dtype` is a torch dtype's name such as `bfloat16`.
      `precision` and the file `packed` are those of the serving process, see `load_base_model`.
    - `incumbent` is the folder of the version in use, None for the base; it was trained on
      `incumbent_example_ids`. A `warm_start` continues from its weights.
    - Three fields hold pairs of a prompt and the base's reply, none of them the user's. Drift is
      measured on `reference_replies` and may be `max_reference_kl` nats per token. The loss keeps
      the adapter close to the base on `kl_replies`. Each part of `probes` tests the adapter for one
      round: its replies are corrected by the `rules`.
    - The fit to examples is scaled by `scale`, before anything but its losses is measured.
    - With `lessons` the adapter learns a teacher's replies instead of the dataset's.
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
    precision: Precision | None = None
    packed: str | None = None
    scale: float = 1.0
    lessons: Lessons | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a fit made: the adapter's folder, the measurements and the resources used.

    `evaluation` may hold NaN if the fit diverged; the gate refuses that. `lora_targets` are the
    module paths that carry the adapter. `rejections` are the examples of the dataset, by id, that
    the base's losses kept out of the fit.
    """

    adapter: Path
    evaluation: Evaluation
    usage: Mapping[str, Any]
    lora_targets: tuple[str, ...]
    rejections: Mapping[str, Rejection] = field(default_factory=dict)


def write_job(folder: Path, job: TrainingJob) -> None:
    """Write `job.json` into `folder`, and the lessons beside it."""
    fields = asdict(replace(job, lessons=None))
    (folder / JOB_FILE).write_text(json.dumps(fields), encoding="utf-8")
    if job.lessons is not None:
        write_lessons(job.lessons, folder / LESSONS_FILE)


def read_job(folder: Path) -> TrainingJob:
    """Read what `write_job` wrote into `folder`. Raises `ValueError` if it is not a job."""
    lessons = folder / LESSONS_FILE
    try:
        fields = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        lora = fields.pop("lora")
        targets = tuple(lora.pop("targets"))
        return TrainingJob(
            lora=LoraConfig(**lora, targets=targets),
            training=TrainingConfig(**fields.pop("training")),
            memory=MemoryConfig(**fields.pop("memory")),
            incumbent_example_ids=tuple(fields.pop("incumbent_example_ids")),
            reference_replies=_exchanges(fields.pop("reference_replies")),
            kl_replies=_exchanges(fields.pop("kl_replies")),
            probes=tuple(_exchanges(part) for part in fields.pop("probes")),
            rules=tuple(Rule(**rule) for rule in fields.pop("rules")),
            **fields | {"lessons": read_lessons(lessons) if lessons.exists() else None},
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
    """Write `result.json` into `folder`, which also holds the adapter."""
    result = {
        "evaluation": asdict(evaluation),
        "usage": dict(usage),
        "lora_targets": list(lora_targets),
        "rejections": {name: asdict(each) for name, each in (rejections or {}).items()},
    }
    (folder / RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")


def read_result(folder: Path, adapter: Path) -> JobResult:
    """Read `result.json` from `folder`. Raises `ValueError` if it is not a result."""
    try:
        fields = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
        return JobResult(
            adapter=adapter,
            evaluation=Evaluation(**fields["evaluation"]),
            usage=dict(fields["usage"]),
            lora_targets=tuple(fields["lora_targets"]),
            rejections={name: _rejection(**each) for name, each in fields["rejections"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{RESULT_FILE} is not a result: {error}") from error


def _exchanges(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((prompt, reply) for prompt, reply in pairs)


def _rejection(reason: str, why: str, other: str | None) -> Rejection:
    return Rejection(RejectionReason(reason), why, other)
