"""What a fit asks of the model. Fits that ask at the same time share a forward and backward pass.

A fit is a generator: it yields each pass that it needs and goes on once its gradients are there. So
every user has an own loss, optimiser, schedule and end, whoever shares the passes.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from scheduler.fit.batching import Batch, TokenisedReply
from scheduler.fit.vocabulary import States


@dataclass(frozen=True, slots=True)
class ReadUnits:
    """A pass's own part of a micro-batch: some of its units, by index, and what the model read.

    `batch` has the first replies of these units, then the second ones. `states` predict the reply
    tokens, row by row; `reference` are the base's, if the pass needs them.
    """

    units: tuple[int, ...]
    batch: Batch
    states: States
    reference: States | None


@dataclass(frozen=True, slots=True)
class Pass:
    """A wish for a trained slot's gradients: those of the sum of `objective` over micro-batches.

    The replies of a unit, of which all units have equally many, are in one micro-batch. The
    objective is a scalar, or None if there is nothing to learn.
    """

    slot: int
    units: Sequence[tuple[TokenisedReply, ...]]
    objective: Callable[[ReadUnits], Tensor | None]
    needs_reference: bool = False


T = TypeVar("T")

Steps = Generator[Pass, None, T]
"""Work that asks for passes, and returns a `T`."""


@dataclass(slots=True)
class StepLoss:
    """The mean loss of a step, as far as it was read, and whether it has gradients."""

    value: float = 0.0
    has_gradients: bool = False

    def add(self, losses: Tensor, needed: Tensor, objective: Tensor) -> Tensor | None:
        """Add rows' shares of the loss. Returns what to learn if a row is `needed`: all [rows]."""
        self.value += losses.sum().item()
        if not needed.any():
            return None
        self.has_gradients = True
        return objective.sum()
