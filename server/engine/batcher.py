"""Decides what the next step does. Pure: no tensors, no clock."""

from enum import StrEnum


class Step(StrEnum):
    """What one step of the engine does."""

    PREFILL = "prefill"
    DECODE = "decode"
    WAIT = "wait"


def next_step(*, waiting: int, running: int, max_rows: int, previous: Step) -> Step:
    """Admit a waiting prompt while rows are free, else decode; never two prefills in a row while
    replies are running, so that arrivals slow their tokens but cannot stop them.
    """
    can_admit = waiting > 0 and running < max_rows
    if can_admit and (running == 0 or previous is not Step.PREFILL):
        return Step.PREFILL
    return Step.DECODE if running else Step.WAIT
