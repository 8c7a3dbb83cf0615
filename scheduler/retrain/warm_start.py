"""Whether a fit starts from zero or goes on from the version in use, and on which rows. Pure.

From zero the order of rows never matters and what is gone leaves no trace; its time grows with the
rows. A warm start learns the new rows and some of the old ones: where rows are many, and only while
everything that the version learned from still stands.
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
"""Old rows for each new one. With the base's replies beside every four rows a warm start is 50 %
new, 30 % old and 20 % the base's own."""

LIKED_SHARE = 0.5
"""How much of the replay is liked replies, where there are enough. Text that the model wrote itself
keeps best what it knows (On-Policy Replay, arXiv 2605.29495); the rest is drawn from all other old
rows, because likes do not show what corrections changed. The rows with the highest loss (SuRe,
arXiv 2511.22367) would take a pass over all rows, and among one person's clicks are the mistakes.
"""

MAX_STEPS = 20
SLOWER = 3.0
"""Between fits from zero the learning rates are a third."""


@dataclass(frozen=True, slots=True)
class FitPlan:
    """What a fit starts from, what it is taught and how.

    `start` is the version that it goes on from, None for zero; `dataset` what of all rows it is
    taught. `rejections` are rows, by id, that an earlier fit measured: they are not measured again.
    `sentence` says which way it is, and why.
    """

    start: AdapterVersion | None
    dataset: Dataset
    training: TrainingConfig
    sentence: str
    rejections: Mapping[str, Rejection] = field(default_factory=dict)

    def without_learned(self, measured: Mapping[str, Rejection]) -> dict[str, Rejection]:
        """All rows that the fit leaves unlearned, by id; `measured` are those that it found itself.

        Never a row that the weights hold already, though it was not repeated.
        """
        learned = frozenset(self.start.example_ids if self.start else ())
        found = {name: each for name, each in measured.items() if name not in learned}
        return {**self.rejections, **found}


def plan_fit(dataset: Dataset, in_use: AdapterVersion | None, config: TrainingConfig) -> FitPlan:
    """Decide how a dataset is fitted.

    `in_use` is the version in use, where its weights fit the base and the adapter's shape. It
    started from zero itself, or from a version of which the same was true, so all that its weights
    hold are its examples.
    """
    rows = dataset.examples
    if len(rows) <= config.warm_start_above:
        return _from_zero(dataset, config, f"up to {config.warm_start_above} rows always do")
    if in_use is None:
        return _from_zero(dataset, config, "no version is in use that it could go on from")
    if in_use.seed != config.seed:
        return _from_zero(dataset, config, f"{in_use.label} has another seed or was imported")
    learned = frozenset(in_use.example_ids)
    gone = len(learned - {each.id for each in rows})
    if gone:
        verbs = ("was", "is") if gone == 1 else ("were", "are")
        what = f"{count(gone, 'row')} that {in_use.label} learned from {verbs[0]} withdrawn or {verbs[1]}"
        return _from_zero(dataset, config, f"{what} left out now")
    rejections = _left_out(in_use, rows)
    old = [each for each in rows if each.id in learned]
    new = [each for each in rows if each.id not in learned and each.id not in rejections]
    if not new:
        return _from_zero(dataset, config, f"no row is new since {in_use.label}")
    if len(new) > len(old):
        return _from_zero(dataset, config, f"most rows are new since {in_use.label}")
    again = _replay(old, len(new), Random(f"{config.seed} {dataset.content_hash}"))
    taught = _fitted(dataset, new, again)
    return FitPlan(
        start=in_use,
        dataset=taught,
        training=_gentle(config, len(taught.examples)),
        sentence=(
            f"It goes on from {in_use.label}, which learned {count(len(old), 'row')}, with {len(new)} new"
            f" and {len(again)} old ones."
        ),
        rejections=rejections,
    )


def _from_zero(dataset: Dataset, config: TrainingConfig, why: str) -> FitPlan:
    sentence = f"It starts from zero, with {count(len(dataset.examples), 'row')}: {why}."
    return FitPlan(None, dataset, config, sentence)


def _left_out(version: AdapterVersion, rows: Sequence[TrainingExample]) -> dict[str, Rejection]:
    """The rows that the version was not taught because of the base's losses, by id."""
    present = {each.id for each in rows}
    found = report_of(version).rejected_by_loss
    return {name: each for name, each in found.items() if name in present}


def _replay(old: Sequence[TrainingExample], new: int, random: Random) -> list[TrainingExample]:
    """Old rows to learn again, `REPLAY_SHARE` for each new one."""
    count = min(len(old), round(new * REPLAY_SHARE))
    liked = [each for each in old if each.kind is ExampleKind.DESIRABLE]
    chosen = random.sample(liked, min(len(liked), round(count * LIKED_SHARE)))
    taken = {each.id for each in chosen}
    others = [each for each in old if each.id not in taken]
    return chosen + random.sample(others, count - len(chosen))


def _fitted(
    dataset: Dataset, new: Sequence[TrainingExample], again: Sequence[TrainingExample]
) -> Dataset:
    """The new rows on the sides that they are on, and the old ones to train on: the version that
    it starts from has seen those, so they prove nothing. No row is held out where none is left."""
    added, repeated = ({each.id for each in rows} for rows in (new, again))
    held_out = [each for each in dataset.held_out if each.id in added]
    if len(held_out) == len(new):
        held_out = []
    shown = (added | repeated) - {each.id for each in held_out}
    return with_splits(dataset, (each for each in dataset.examples if each.id in shown), held_out)


def _gentle(config: TrainingConfig, rows: int) -> TrainingConfig:
    """Slower and shorter, in batches so large that the few steps make the usual passes."""
    steps = min(config.max_steps, MAX_STEPS)
    passes = max(1, config.min_passes)
    return replace(
        config.slower(SLOWER),
        max_steps=steps,
        min_passes=1,
        batch_size=max(config.batch_size, -(-rows * passes // steps)),
    )
