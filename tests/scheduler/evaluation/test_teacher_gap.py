"""The distance from a teacher on unseen prompts."""

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.evaluation.teacher_gap import measure_gap, shared_start
from scheduler.fit.batching import TokenisedReply
from scheduler.fit.distillation import target, teacher_kl
from tests.adapters import random_adapter
from tests.scheduler.fit.test_distillation import LORA, SLOT, lessons


def test_a_shared_start_changes_no_distance(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(SLOT, random_adapter(pool.shapes, seed=1, rank=LORA.rank))
    unseen = lessons(tiny_base, ["a thing", "another thing of more words", "why"])
    gap = measure_gap(tiny_base, pool, SLOT, unseen)

    def alone(prompt: str) -> float:
        found = [target(tiny_base.renderer, getattr(e, prompt), e, 500) for e in unseen]
        with torch.no_grad(), pool.use(SLOT):
            means = [teacher_kl(tiny_base, [each]).mean().item() for each in found if each]
        return sum(means) / len(means)

    assert gap.teacher_kl == pytest.approx(alone("messages"), rel=1e-4)
    assert gap.teacher_kl_later == pytest.approx(alone("later"), rel=1e-4)


@pytest.mark.parametrize(
    ("ids", "shared"),
    [
        ([(1, 2, 3, 4), (1, 2, 5, 4)], (1, 2)),
        ([(1, 2, 3, 4), (1, 2, 3, 4)], (1, 2)),
        ([(1, 2, 3), (2, 2, 3)], ()),
        ([(1, 2, 3, 4, 5)], (1, 2, 3)),
        ([(1, 2), (1, 2, 3, 4)], ()),
        ([], ()),
    ],
)
def test_what_all_begin_with_ends_before_the_last_token_of_a_prompt(
    ids: list[tuple[int, ...]], shared: tuple[int, ...]
) -> None:
    assert shared_start([TokenisedReply(each, (1.0,)) for each in ids]) == shared
