"""The vocabulary of retraining. Times are UTC seconds since the epoch as `float`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from adapters_store.records import LoraConfig, Precision
from scheduler.measure import Measure


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
    """How far a run is: its phase, the fraction of the whole run in 0..1, the latest loss."""

    phase: str = "queued"
    fraction: float = 0.0
    step: int = 0
    steps: int = 0
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One attempt to improve a user's adapter, with its outcome.

    `version` is the number of the version that it made. `usage` has `device_seconds`,
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


TUNED_WIDTH = 576
"""The dimensions of SmolLM2-135M, which `TrainingConfig.learning_rate` was tuned on."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How an adapter is fitted. The defaults are for small bases; see docs/learning.md.

    The top `train_top_fraction` of the layers is trained. Lengths are in tokens, batches in
    examples. Each phase (ratings, supervised, preference) takes at most `max_steps` steps, or
    `min_passes` passes if that is more. It ends early at its stop loss (nats per token, or DPO's).
    Tokens that the user changed weigh `edit_weight`; the first ones of each change weigh
    `divergence_weight` if these are few. `dpo_beta` multiplies log-ratios per token, so it is
    larger than for sums (Lambert et al. 2024, "Tulu 3", use 5). Ratings use the same beta and rate.
    `learning_rate` is for bases of at most `TUNED_WIDTH` dimensions; see `for_width`.
    If corrections follow a rule, `synthetic_examples` are added, and up to `rounds` fits follow.
    Each is tested on `probe_prompts`; its mistakes join the next. 0 rounds: one fit, not tested.
    With more than `warm_start_above` examples a fit continues from the version in use. A fit to a
    teacher's replies takes `distillation_steps` at `distillation_rate`. Memory stays beside it, and
    what both say would count twice: it is scaled by `distillation_scale`, as is a fit to the
    choice of a preference model.
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
    distillation_rate: float = 6e-4
    distillation_steps: int = 24
    distillation_scale: float = 0.5

    def for_width(self, width: int) -> "TrainingConfig":
        """The same configuration for a base of `width` dimensions.

        Adam's rate for a matrix falls as one over its width (Yang et al. 2022, arXiv 2203.03466,
        table 3): at one rate wider bases move further.
        """
        rate = self.learning_rate * min(1.0, TUNED_WIDTH / width)
        return replace(self, learning_rate=rate)

    def slower(self, times: float) -> "TrainingConfig":
        """The same configuration with every learning rate divided by `times`."""
        return replace(
            self,
            learning_rate=self.learning_rate / times,
            dpo_learning_rate=self.dpo_learning_rate / times,
        )


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """When a user is due for training.

    At least `min_new_feedback` new feedback items, `cooldown` seconds after the last run, and at
    most `daily_runs` scheduled runs in 24 hours.
    """

    min_new_feedback: int = 5
    cooldown: float = 600.0
    daily_runs: int = 24


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The bounds of a candidate; `scheduler.evaluation.gate` applies them.

    Losses and KL are in nats per token. A fit to nonsense ends at 4.5 to 6, a fit to prose below 1.
    `max_faulty_increase` is how far the share (0..1) of faulty replies may exceed the base's.
    `max_incumbent_loss_increase` is wide: two fits of the same examples differ by about as much.
    With at least `min_held_out_for_significance` held-out examples a gain must be significant. With
    fewer than `provisional_below`, following the rules more often than the base is enough, too. A
    good candidate, better on nine of ten, then passes four times in five, a useless one 1 in 30.
    """

    max_train_loss: float = 3.5
    max_reference_kl: float = 1.0
    max_faulty_increase: float = 0.1
    max_incumbent_loss_increase: float = 0.1
    min_held_out_for_significance: int = 5
    provisional_below: int = 8


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """When to look for users who are due.

    `interval` is in seconds; 0 turns it off. `nightly` is a cron line of five fields in the
    server's time zone; empty turns it off. Name days of the week (`sun`), because 0 means Monday
    here. At night, one new feedback item is enough. With `watch`, provisional versions are rolled
    back if their replies are rated worse than the ones before.
    """

    interval: float = 60.0
    nightly: str = "0 3 * * *"
    watch: bool = True


@dataclass(frozen=True, slots=True)
class RayConfig:
    """The Ray cluster that trains, and what a run takes of a node.

    `address` is `host:port` of its head, or `auto`: the cluster that this machine belongs to. A run
    has `num_cpus` and, if `num_gpus` is more than 0, that share (up to 1) of a GPU. At most
    `parallel_runs` are worked at a time.
    """

    address: str = "auto"
    num_cpus: int = 1
    num_gpus: float = 0.0
    parallel_runs: int = 4


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """How many `tokens` and `demonstrations` memory may add to a prompt, at most."""

    tokens: int = 512
    demonstrations: int = 5


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """Everything that a run needs to know beside the user's data.

    `base_path` is the folder of the weights, `base_model` the name that adapters carry. `device` is
    `cpu` or `cuda`, `dtype` the name of a torch dtype, `replies_cache` a folder. `precision` and
    the file `packed` are those of the base that serves, see `load_base_model`.
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
    precision: Precision | None = None
    packed: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured of a candidate. Losses are nats per reply token; lower is better.

    The candidate is first fitted to the training split; the `held_out` numbers are measured then,
    the rest after a second fit to all examples. `few_shot` is the base with the training examples
    in its prompt. Wins are of `held_out_comparisons` (see `held_out.comparisons`), by means per
    token or `by_sum`. `train_loss_before` and `_after` are of the first fit, `added_loss` is of the
    examples that only the second saw. `incumbent_examples` are held-out ones that are new to the
    version in use, too. `compliance` counts the replies to `num_probes` probe prompts that follow
    the user's rules; `probe_round` says which of its prompts these were. `reference_kl` is the
    mean KL(candidate || base) per token on fixed generic prompts.
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
    num_unseen: int = 0
    num_closer: int = 0
    num_closer_later: int = 0
    teacher_kl_base: float | None = None
    teacher_kl: float | None = None
    teacher_kl_base_later: float | None = None
    teacher_kl_later: float | None = None
    num_probes: int = 0
    compliance: int = 0
    base_compliance: int = 0
    compliance_with_few_shot: int | None = None
    base_compliance_with_few_shot: int | None = None
    probe_round: int = 0

    @property
    def compliance_as_served(self) -> int:
        """Probe replies that follow the rules, without memory or beside it: the better serves."""
        return max(self.compliance, self.compliance_with_few_shot or 0)


def is_as_compliant_alone(alone: float, beside_memory: float | None) -> bool:
    """Whether replies are known to follow the user's rules as often without memory as with it."""
    return beside_memory is not None and beside_memory <= alone


class TeacherKind(StrEnum):
    """The rules of the user's edits, the user's demonstrations, a preference model of the user's
    ratings, or none: then memory shows what there is."""

    RULES = "rules"
    DEMONSTRATIONS = "demonstrations"
    PREFERENCE_MODEL = "preference model"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TeacherChoice:
    """What a user's adapter learns from, and a sentence with the evidence, for users."""

    kind: TeacherKind
    sentence: str


@dataclass(frozen=True, slots=True)
class ReplySample:
    """Replies to one prompt side by side, to look at.

    `memory` is the base's reply with the user's memory in its prompt, None if it was not asked.
    `example_id` is the example with what the user wrote there, if there is one.
    """

    prompt: str
    base: str
    memory: str | None
    candidate: str
    example_id: str | None = None


@dataclass(frozen=True, slots=True)
class LossPhase:
    """A part of a fit, and some of its (step, loss) in order; steps count from 1 in each phase."""

    phase: str
    points: tuple[tuple[int, float], ...]


class Outcome(StrEnum):
    """What the gate says: significantly better, allowed all the same, or not allowed."""

    SIGNIFICANT = "significant"
    PROVISIONAL = "provisional"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision, the sentences that explain it, and the measures behind it."""

    outcome: Outcome
    reasons: tuple[str, ...]
    measures: tuple[Measure, ...] = ()
