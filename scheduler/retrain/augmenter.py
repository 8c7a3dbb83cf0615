"""What rules add to a fit: synthetic examples to learn, and prompts to test each round on."""

from collections.abc import Callable, Sequence

from feedback.examples.dataset import with_synthetic
from feedback.examples.synthetic import synthetic_examples
from feedback.records import Dataset, ExampleKind
from feedback.rules.rule import Rule
from scheduler.augmentation.prompts import EXAMPLES_PER_UNANSWERABLE
from scheduler.augmentation.reference_replies import Exchanges, ReferenceReplies
from scheduler.records import TrainingConfig
from scheduler.retrain.warm_start import FitPlan

IsCancelled = Callable[[], bool]


class Augmenter:
    """Adds the base's own replies, as the rules rewrite them. Raises what the model raises."""

    def __init__(self, references: ReferenceReplies, training: TrainingConfig) -> None:
        self._references = references
        self._training = training

    def with_synthetic(
        self, dataset: Dataset, rules: Sequence[Rule], is_cancelled: IsCancelled
    ) -> Dataset:
        """Add synthetic examples, unless there is enough to learn without."""
        user_id, count = dataset.user_id, self._training.synthetic_examples
        shown = sum(each.kind is not ExampleKind.UNDESIRABLE for each in dataset.train)
        if not rules or shown > self._training.warm_start_above:
            return dataset
        exchanges = self._references.synthetic(is_cancelled) if count else ()
        synthetic = synthetic_examples(user_id, rules, exchanges, count)
        num_unanswerable = -(-(shown + len(synthetic)) // EXAMPLES_PER_UNANSWERABLE)
        unanswerable = synthetic_examples(
            user_id, rules, self._references.unanswerable(is_cancelled), num_unanswerable
        )
        return with_synthetic(dataset, unanswerable + synthetic)

    def probes(
        self, plan: FitPlan, rules: Sequence[Rule], is_cancelled: IsCancelled
    ) -> tuple[Exchanges, ...]:
        """The prompts that test each round of a fit; a warm start is not tested."""
        if not rules or plan.start is not None:
            return ()
        return self._references.probes(self._training, is_cancelled)
