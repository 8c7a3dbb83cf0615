"""Works fits in this process: one alone, or several whose passes are shared."""

from collections.abc import Sequence
from typing import TypeVar

from scheduler.fit.passes import Steps
from scheduler.fit.trained_model import TrainedModel
from scheduler.trainer.batch import Failed, advance

T = TypeVar("T")


def together(model: TrainedModel, works: Sequence[Steps[T]]) -> list[T]:
    """The results, in the order of the works. Raises the first error of a work."""
    left, ended = dict(enumerate(works)), dict[int, T]()
    while left:
        for number, outcome in advance(model, left).items():
            if isinstance(outcome, Failed):
                raise outcome.error
            ended[number] = outcome
            del left[number]
    return [ended[number] for number in range(len(works))]


def alone(model: TrainedModel, work: Steps[T]) -> T:
    """The result of a single one."""
    [result] = together(model, [work])
    return result
