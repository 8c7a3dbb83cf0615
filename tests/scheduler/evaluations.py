"""Evaluations for tests: a good one to change."""

from dataclasses import replace
from typing import Any

from scheduler.records import Evaluation

GOOD = Evaluation(
    held_out_examples=8,
    held_out_comparisons=8,
    held_out_wins=7,
    held_out_wins_by_sum=7,
    held_out_loss_base=2.0,
    held_out_loss=1.5,
    held_out_loss_few_shot=1.8,
    incumbent_examples=5,
    incumbent_loss=1.6,
    loss_on_incumbent_examples=1.5,
    reference_kl=0.1,
    train_loss_before=2.1,
    train_loss_after=0.4,
    added_loss=1.9,
    steps=12,
)


def good(**changes: Any) -> Evaluation:
    """Return a good evaluation with some numbers changed; every held-out example is a comparison,
    and wins are wins by sum."""
    if "held_out_examples" in changes:
        changes = {"held_out_comparisons": changes["held_out_examples"]} | changes
    if "held_out_wins" in changes:
        changes = {"held_out_wins_by_sum": changes["held_out_wins"]} | changes
    return replace(GOOD, **changes)


def without_held_out(**changes: Any) -> Evaluation:
    """Return a good evaluation of a dataset that is too small to hold examples out."""
    return good(
        held_out_examples=0,
        held_out_wins=0,
        held_out_loss_base=None,
        held_out_loss=None,
        held_out_loss_few_shot=None,
        incumbent_examples=0,
        incumbent_loss=None,
        loss_on_incumbent_examples=None,
        **changes,
    )
