"""The vocabulary of retraining. Times are UTC seconds since the epoch as `float`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from adapters_store.records import LoraConfig


class RunStatus(StrEnum):
    """Where a run is: waiting, working, or ended in one of four ways."""

    QUEUED = "queued"
    RUNNING = "running"
    PROMOTED = "promoted"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: a phase's name, a fraction of the whole run in 0..1, the latest loss."""

    phase: str = "queued"
    fraction: float = 0.0
    step: int = 0
    steps: int = 0
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One attempt to improve one user's adapter, with what came of it and why.

    `version` is the number of the version it made. `usage` has `device_seconds`,
    `peak_memory_bytes`, `trainable_share` and `device`.
    """

    id: str
    user_id: str
    status: RunStatus
    trigger: str
    requested_by: str
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    progress: Progress = Progress()
    reason: str = ""
    version: int | None = None
    dataset_hash: str | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How an adapter is fitted. Defaults are for small bases; see docs/learning.md.

    The layers of the upper `train_top_fraction` of the model are trained. Lengths are in tokens, batches
    in examples. Each phase, thumbs, supervised and preference, takes
    at most `max_steps` steps, or `min_passes` through the rows where that is more. It ends early at
    its stop loss: nats per token, or the loss of DPO. Tokens that a person changed count
    `edit_weight` times, and the first ones of changed stretches `divergence_weight` times, where
    these are few.
    `dpo_beta` multiplies log-ratios per token, so it is larger than that of plain DPO, which
    multiplies sums (Lambert et al. 2024, "Tulu 3", use 5); thumbs have the same one, and
    `dpo_learning_rate`. Where the corrections follow a rule, `synthetic_examples` rows of practice stand
    beside them; then there are up to `rounds` fits, each of which is tried on `probe_prompts` other
    prompts, and what is wrong there joins the next (`trainer.dagger`).
    0 rounds are one fit that is not tried. With more rows than `warm_start_above` a fit goes on
    from the version in use (`retrain.warm_start`). With `self_distillation` the base's own
    wording of a correction is learned where it keeps what was corrected.
    """

    seed: int = 0
    train_top_fraction: float = 0.5
    synthetic_examples: int = 12
    rounds: int = 3
    probe_prompts: int = 12
    batch_size: int = 6
    max_tokens: int = 1024
    learning_rate: float = 2e-3
    max_steps: int = 10
    min_passes: int = 3
    warmup_steps: int = 2
    sft_stop_loss: float = 0.1
    edit_weight: float = 2.0
    divergence_weight: float = 8.0
    dpo_learning_rate: float = 3e-4
    dpo_stop_loss: float = 0.4
    dpo_beta: float = 5.0
    dpo_sft_weight: float = 0.5
    gradient_clip: float = 1.0
    warm_start_above: int = 1000
    self_distillation: bool = False

    def slower(self, times: float) -> "TrainingConfig":
        """The same with every learning rate divided by this."""
        return replace(
            self,
            learning_rate=self.learning_rate / times,
            dpo_learning_rate=self.dpo_learning_rate / times,
        )


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """Who is due for training.

    Times in seconds; `daily_runs` bounds the scheduled runs of one user in 24 hours.
    """

    min_new_feedback: int = 5
    cooldown: float = 600.0
    daily_runs: int = 24


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Bounds that a candidate must keep. See `scheduler.evaluation.gate` for what each one guards.

    Of text in no language a fit of the embedded model has 4.5 to 6 nats per token left, of what
    people write less than 1.
    The four of replies bound what their share may be above the base's.
    `max_incumbent_loss_increase` is wide because the rows that neither version
    has seen are few, and their loss varies by about this much between two fits of the same rows.
    From `min_held_out_for_significance` held-out judgements on a gain has to be proven, by them or, below
    `provisional_below`, by keeping the rules more often than the base: a good candidate, which is
    better on nine in ten, then proves it four times in five, one that learned nothing passes once
    in thirty.
    """

    max_train_loss: float = 3.5
    max_reference_kl: float = 1.0
    max_repetition_increase: float = 0.1
    max_collapse_increase: float = 0.25
    max_echo_increase: float = 0.25
    max_empty_increase: float = 0.0
    max_incumbent_loss_increase: float = 0.1
    min_held_out_for_significance: int = 5
    provisional_below: int = 8


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """When to ask who is due: every `interval` seconds, and at the times of a cron line.

    At the nightly times one new judgement is enough. An interval of 0 and an empty `nightly` turn
    that kind off. `nightly` has five fields in the server's time zone; name days of the week
    (`sun`), because 0 means Monday here. With `watch`, versions that are in use without proof are
    looked at then, too, and rolled back where their replies are judged worse than those before.
    """

    interval: float = 60.0
    nightly: str = "0 3 * * *"
    watch: bool = True


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """What memory may add to a prompt: `tokens`, and so many earlier exchanges. See
    `feedback.memory.demonstrations`."""

    tokens: int = 512
    demonstrations: int = 3


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """The base, the adapter's shape, what memory shows, how to fit and when to refuse.

    `base_path` is the local folder of the weights, `base_model` the name that adapters carry.
    `device` is `cpu` or `cuda`, `dtype` a torch dtype's name; `replies_cache` is a folder.
    """

    base_path: str
    base_model: str
    base_revision: str
    device: str
    dtype: str
    threads: int
    replies_cache: str
    lora: LoraConfig
    training: TrainingConfig
    gate: GateConfig
    memory: MemoryConfig


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured of a candidate. Losses are mean nats per reply token, lower is better.

    The candidate is first fitted on the training split: `proof` numbers are measured then, on
    held-out rows that it has not seen. Only afterwards is it fitted on all rows, and the rest
    measured. `memory` is the base's with the training rows in its prompt, as memory shows them.
    `held_out_wins` are of `held_out_comparisons`, which a sign test may count: see
    `held_out.comparisons`. So are those `by_sum`, of log-ratios that are not divided by
    the length.
    `train_loss_before` and `after` are those of the first fit, `added_loss` is what rows had that
    were held out from it and then added.
    `incumbent` numbers cover only held-out rows that the version in use has not been trained on
    either.
    `tried` prompts were answered by the rules of the user's corrections: `compliance` replies keep
    them and `base_compliance` of the base's do; with memory in the prompt `compliance_with_few_shot` of
    the candidate's and `base_compliance_with_few_shot` of the base's. `probe_part` says which of the job's
    prompts these were.
    `reference_kl` is the mean KL(candidate || base) per token on fixed generic prompts. Repetition,
    collapse, parroting and silence are the shares of replies to them that loop, that mostly repeat
    other replies or the prompt, and that say nothing (`evaluation.degeneration`), None until the
    candidate has been tried.
    """

    held_out_examples: int
    held_out_comparisons: int
    held_out_wins: int
    held_out_wins_by_sum: int
    held_out_loss_base: float | None
    held_out_loss: float | None
    held_out_loss_few_shot: float | None
    incumbent_examples: int
    incumbent_loss: float | None
    loss_on_incumbent_examples: float | None
    reference_kl: float
    train_loss_before: float
    train_loss_after: float
    added_loss: float | None
    steps: int
    repetition_base: float | None = None
    repetition_candidate: float | None = None
    collapse_base: float | None = None
    collapse_candidate: float | None = None
    echo_base: float | None = None
    echo_candidate: float | None = None
    empty_base: float | None = None
    empty_candidate: float | None = None
    num_probes: int = 0
    compliance: int = 0
    base_compliance: int = 0
    compliance_with_few_shot: int | None = None
    base_compliance_with_few_shot: int | None = None
    probe_part: int = 0


class Outcome(StrEnum):
    """What the gate says: proven better, allowed without proof, or not allowed."""

    SIGNIFICANT = "significant"
    PROVISIONAL = "provisional"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision and the sentences that explain it to a person."""

    outcome: Outcome
    reasons: tuple[str, ...]
