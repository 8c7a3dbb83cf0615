"""Whether a fit starts from scratch or from the version in use, and on which examples. Pure.

From scratch, the order of examples never matters, and withdrawn ones leave no trace, but the time
grows with their number. A warm start learns the new examples and replays some old ones. It is used
for large datasets, and only while everything that the version learned from still stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from adapters_store.records import AdapterVersion
from feedback.examples.dataset import with_splits
from feedback.filters.records import Rejection
from feedback.records import Dataset, ExampleKind, TrainingExample
from feedback.text.counts import count
from scheduler.records import TrainingConfig
from scheduler.version_report import report_of

REPLAY_SHARE = 0.6
"""Old examples per new one. With one of the base's replies per four examples, a warm start is 50 %
new, 30 % old and 20 % the base's own."""

LIKED_SHARE = 0.5
"""The share of liked replies in the replay, if there are enough: a model forgets least if it
replays its own text (On-Policy Replay, arXiv 2605.29495). The rest is drawn from all other old
examples, as likes do not show what corrections changed. To replay those with the highest loss
(SuRe, arXiv 2511.22367) would take a pass over all, and mistaken clicks are among them."""

MAX_STEPS = 20
SLOWER = 3.0
"""A warm start divides the learning rates by this."""


@dataclass(frozen=True, slots=True)
class FitPlan:
    """What a fit starts from, what it is taught and how.

    `start` is the version to continue from, None to start from scratch. `dataset` is what is
    taught. `rejections` are examples, by id, that an earlier fit rejected: they are not measured
    again. `sentence` says where the fit starts, and why.
    """

    start: AdapterVersion | None
    dataset: Dataset
    training: TrainingConfig
    sentence: str
    rejections: Mapping[str, Rejection] = field(default_factory=dict)

    def without_learned(self, measured: Mapping[str, Rejection]) -> dict[str, Rejection]:
        """All rejected examples, by id; never one that the weights already hold."""
        learned = frozenset(self.start.example_ids if self.start else ())
        new = {name: each for name, each in measured.items() if name not in learned}
        return {**self.rejections, **new}


def plan_fit(dataset: Dataset, in_use: AdapterVersion | None, config: TrainingConfig) -> FitPlan:
    """Decide how a dataset is fitted.

    `in_use` is the version in use, if it has the same base and shape. Its weights hold its examples
    and nothing else: it started from scratch, or from a version of which the same is true.
    """
    examples = dataset.examples
    if len(examples) <= config.warm_start_above:
        return plan_from_scratch(dataset, config, f"up to {config.warm_start_above} always are")
    if in_use is None:
        return plan_from_scratch(dataset, config, "no version in use can be continued")
    if in_use.seed != config.seed:
        return plan_from_scratch(
            dataset, config, f"{in_use.label} has another seed or was imported"
        )
    learned = frozenset(in_use.example_ids)
    gone = len(learned - {each.id for each in examples})
    if gone:
        were, are = ("was", "is") if gone == 1 else ("were", "are")
        what = f"{count(gone, 'example')} that {in_use.label} learned from"
        return plan_from_scratch(dataset, config, f"{what} {were} withdrawn or {are} now rejected")
    rejections = _rejected_by_loss(in_use, examples)
    old = [each for each in examples if each.id in learned]
    new = [each for each in examples if each.id not in learned and each.id not in rejections]
    if not new:
        return plan_from_scratch(dataset, config, f"no example is new since {in_use.label}")
    if len(new) > len(old):
        return plan_from_scratch(dataset, config, f"most examples are new since {in_use.label}")
    replayed = _replay(old, len(new), Random(f"{config.seed} {dataset.content_hash}"))
    taught = _new_and_replayed(dataset, new, replayed)
    return FitPlan(
        start=in_use,
        dataset=taught,
        training=_slower_and_shorter(config, len(taught.examples)),
        sentence=(
            f"Continued from {in_use.label}, which learned {count(len(old), 'example')}, with"
            f" {len(new)} new and {len(replayed)} old ones."
        ),
        rejections=rejections,
    )


def plan_from_scratch(dataset: Dataset, config: TrainingConfig, why: str) -> FitPlan:
    """A fit of an empty adapter; `why` ends the sentence that says so."""
    sentence = f"Trained from scratch on {count(len(dataset.examples), 'example')}: {why}."
    return FitPlan(None, dataset, config, sentence)


def _rejected_by_loss(
    version: AdapterVersion, examples: Sequence[TrainingExample]
) -> dict[str, Rejection]:
    """The examples that the version was not taught because of the base's losses, by id."""
    present = {each.id for each in examples}
    rejected = report_of(version).rejected_by_loss
    return {name: each for name, each in rejected.items() if name in present}


def _replay(old: Sequence[TrainingExample], new: int, random: Random) -> list[TrainingExample]:
    """Draw `REPLAY_SHARE` old examples per new one."""
    count = min(len(old), round(new * REPLAY_SHARE))
    liked = [each for each in old if each.kind is ExampleKind.DESIRABLE]
    chosen = random.sample(liked, min(len(liked), round(count * LIKED_SHARE)))
    taken = {each.id for each in chosen}
    others = [each for each in old if each.id not in taken]
    return chosen + random.sample(others, count - len(chosen))


def _new_and_replayed(
    dataset: Dataset, new: Sequence[TrainingExample], replayed: Sequence[TrainingExample]
) -> Dataset:
    """The new examples on their sides of the split, and the old ones to train on.

    Old ones are never held out: the version that the fit starts from has seen them. None is held
    out if nothing new would be left to train on.
    """
    new_ids, old_ids = ({each.id for each in examples} for examples in (new, replayed))
    held_out = [each for each in dataset.held_out if each.id in new_ids]
    if len(held_out) == len(new):
        held_out = []
    train_ids = (new_ids | old_ids) - {each.id for each in held_out}
    train = (each for each in dataset.examples if each.id in train_ids)
    return with_splits(dataset, train, held_out)


def _slower_and_shorter(config: TrainingConfig, num_examples: int) -> TrainingConfig:
    """Lower rates and fewer steps, in batches so large that the steps make the usual passes."""
    steps = min(config.max_steps, MAX_STEPS)
    passes = max(1, config.min_passes)
    return replace(
        config.slower(SLOWER),
        max_steps=steps,
        min_passes=1,
        batch_size=max(config.batch_size, -(-num_examples * passes // steps)),
    )
