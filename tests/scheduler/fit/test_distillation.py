"""An adapter learns a teacher's replies, token by token."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from adapters_store.records import LoraConfig
from feedback.records import Message
from scheduler.evaluation.teacher_gap import measure_gap
from scheduler.fit.distillation import Target, distillation_step, target, teacher_kl
from scheduler.fit.lessons import TeacherReply
from scheduler.fit.loop import distil
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import TrainingConfig
from tests.adapters import random_adapter
from tests.scheduler.fit.together import alone

LORA = LoraConfig(rank=8, alpha=16.0)
CONFIG = TrainingConfig(
    distillation_rate=1e-2, distillation_steps=30, distillation_scale=1.0, batch_size=4
)
SLOT = 1
SHOWN = (Message("user", "say it softly"), Message("assistant", "soft words"))
NUM_TOP = 200  # nearly the whole vocabulary: the tiny model is sure of nothing


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return AdapterPool(tiny_base.model, LORA, num_slots=2)


@torch.no_grad()
def written(
    base: BaseModel, question: str, text: str, before: Sequence[Message] = SHOWN
) -> TeacherReply:
    """A reply as the base with `before` in its prompt scores it."""
    messages = (Message("user", question),)
    shown = (*before, *messages)
    ids, is_reply = base.renderer.example_ids(shown, text)
    logits = base.model(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
    values, tokens = logits[is_reply.index(True) - 1 : -1].topk(NUM_TOP, dim=-1)
    top = tuple(
        tuple(zip(t, v, strict=True)) for t, v in zip(tokens.tolist(), values.tolist(), strict=True)
    )
    later = (Message("user", "Well?"), Message("assistant", "Well."), *shown)
    return TeacherReply(messages, shown, later, text, tuple(ids[is_reply.index(True) :]), top)


def targets(base: BaseModel, replies: Sequence[TeacherReply]) -> list[Target]:
    found = [target(base.renderer, each.messages, each, 100) for each in replies]
    return [each for each in found if each is not None]


def lessons(base: BaseModel, questions: Sequence[str]) -> tuple[TeacherReply, ...]:
    return tuple(written(base, each, f"soft words of {each}") for each in questions)


def distil_with(
    base: BaseModel, pool: AdapterPool, taught: Sequence[TeacherReply], config: TrainingConfig
) -> None:
    model = TrainedModel(base, pool)
    alone(model, distil(model, SLOT, taught, config, lambda step, steps, loss: None))


def fit(base: BaseModel, pool: AdapterPool, taught: Sequence[TeacherReply]) -> list[bytes]:
    """Distil into the emptied slot; the bytes of its weights."""
    pool.clear(SLOT)
    distil_with(base, pool, taught, CONFIG)
    return [tensor.numpy().tobytes() for tensor in pool.read(SLOT, torch.float32).values()]


def test_without_memory_and_adapter_the_teacher_is_the_base(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    pool.load(SLOT, random_adapter(pool.shapes, seed=1, rank=LORA.rank))
    found = targets(tiny_base, [written(tiny_base, "why", "because", before=())])
    with torch.no_grad(), pool.use(NO_ADAPTER):
        assert teacher_kl(tiny_base, found).abs().max() < 1e-6
    with torch.no_grad(), pool.use(SLOT):
        assert teacher_kl(tiny_base, found).mean() > 0


def test_the_gradient_is_that_of_the_plain_formula(tiny_base: BaseModel, pool: AdapterPool) -> None:
    pool.load(SLOT, random_adapter(pool.shapes, seed=1, rank=LORA.rank))
    taught = targets(tiny_base, lessons(tiny_base, ["one", "another one"]))

    def plain() -> torch.Tensor:
        """Sum of p (log p - log q) over the teacher's likeliest tokens, mean over all tokens."""
        found = []
        for each in taught:
            logits = tiny_base.model(torch.tensor([each.reply.ids])).logits[0]
            log_probs = logits[-len(each.top) - 1 : -1].log_softmax(dim=-1)
            ids = torch.tensor([[token for token, _ in place] for place in each.top])
            values = torch.tensor([[value for _, value in place] for place in each.top])
            found.append((values.exp() * (values - log_probs.gather(1, ids))).sum(dim=1))
        return torch.cat(found).mean()

    with pool.train(SLOT), pool.use(SLOT):
        weights = [each for part in pool.trained_weights(SLOT) for each in part]
        expected = plain()
        wanted = torch.autograd.grad(expected, weights)
        divergence = alone(
            TrainedModel(tiny_base, pool), distillation_step(tiny_base, SLOT, taught)
        )
        assert divergence.value == pytest.approx(expected.item(), rel=1e-5)
        for weight, gradient in zip(weights, wanted, strict=True):
            torch.testing.assert_close(weight.grad, gradient, rtol=1e-3, atol=1e-6)


def test_the_student_comes_close_to_its_teacher_on_unseen_prompts(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    fit(tiny_base, pool, lessons(tiny_base, [f"question {n}" for n in range(8)]))
    gap = measure_gap(tiny_base, pool, SLOT, lessons(tiny_base, ["a thing", "question 77"]))
    assert gap.num_unseen == gap.num_closer == 2
    assert gap.teacher_kl is not None and gap.teacher_kl_base is not None
    assert gap.teacher_kl < 0.5 * gap.teacher_kl_base
    assert gap.teacher_kl_base_later is not None and gap.teacher_kl_base_later > 0
    assert gap.teacher_kl_later is not None and gap.teacher_kl_later > 0


def test_a_fit_without_a_lesson_has_the_bytes_of_one_that_never_had_it(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    some, more = ["one", "two", "three"], ["one", "two", "three", "four"]
    first = fit(tiny_base, pool, lessons(tiny_base, some))
    assert fit(tiny_base, pool, lessons(tiny_base, more)) != first
    assert fit(tiny_base, pool, lessons(tiny_base, some)) == first


def test_a_fit_is_scaled_for_memory_beside_it(tiny_base: BaseModel, pool: AdapterPool) -> None:
    found = []
    for scale in (1.0, 0.5):
        pool.clear(SLOT)
        config = replace(CONFIG, distillation_scale=scale)
        distil_with(tiny_base, pool, lessons(tiny_base, ["one"]), config)
        found.append(pool.read(SLOT, torch.float32))
    whole, half = found
    for name, tensor in whole.items():
        torch.testing.assert_close(half[name], tensor * (0.5 if "lora_B" in name else 1.0))


def test_a_reply_is_cut_at_the_limit_with_its_top_tokens(tiny_base: BaseModel) -> None:
    reply = written(tiny_base, "why", "because it is so")
    prompt = len(tiny_base.renderer.prompt_ids(reply.messages))
    cut = target(tiny_base.renderer, reply.messages, reply, prompt + 3)
    assert cut is not None
    assert (cut.reply.reply_tokens, cut.top) == (3, reply.top[:3])
    assert target(tiny_base.renderer, reply.messages, reply, prompt) is None


def test_lessons_that_are_all_too_long_are_refused(tiny_base: BaseModel, pool: AdapterPool) -> None:
    config = replace(CONFIG, max_tokens=2)
    with pytest.raises(ValueError, match="no reply of the teacher is shorter than 2 tokens"):
        distil_with(tiny_base, pool, lessons(tiny_base, ["one"]), config)
