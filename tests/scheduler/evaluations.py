"""Evaluations for tests: a good one to spoil."""

from dataclasses import replace
from typing import Any

from scheduler.records import Evaluation

GOOD = Evaluation(
    held_out_rows=8,
    held_out_comparisons=8,
    held_out_wins=7,
    held_out_wins_by_sum=7,
    held_out_loss_base=2.0,
    held_out_loss_proof=1.5,
    held_out_loss_memory=1.8,
    incumbent_rows=5,
    incumbent_loss=1.6,
    incumbent_rows_loss_proof=1.5,
    anchor_kl=0.1,
    train_loss_before=2.1,
    train_loss_after=0.4,
    added_loss=1.9,
    steps=12,
    repetition_base=0.0,
    repetition_candidate=0.0,
    collapse_base=0.0,
    collapse_candidate=0.0,
    parroting_base=0.0,
    parroting_candidate=0.0,
    silence_base=0.0,
    silence_candidate=0.0,
)


def good(**changes: Any) -> Evaluation:
    """Return a good evaluation with some numbers changed; every held-out row is a comparison, and
    wins are wins by sum."""
    if "held_out_rows" in changes:
        changes = {"held_out_comparisons": changes["held_out_rows"]} | changes
    if "held_out_wins" in changes:
        changes = {"held_out_wins_by_sum": changes["held_out_wins"]} | changes
    return replace(GOOD, **changes)


def without_held_out(**changes: Any) -> Evaluation:
    """Return a good evaluation of a dataset that is too small to hold rows out."""
    return good(
        held_out_rows=0,
        held_out_wins=0,
        held_out_loss_base=None,
        held_out_loss_proof=None,
        held_out_loss_memory=None,
        incumbent_rows=0,
        incumbent_loss=None,
        incumbent_rows_loss_proof=None,
        **changes,
    )
