"""The teacher asks the served model."""

from pathlib import Path

from scheduler.augmentation.prompts import SYNTHETIC_PROMPTS
from scheduler.augmentation.reference_replies import ReferenceReplies
from scheduler.fit.lessons import NUM_TOP
from scheduler.served_model import Adapter, Reply
from scheduler.teaching.evidence import MIN_DEMONSTRATIONS
from scheduler.teaching.stranger import STRANGER
from scheduler.teaching.teacher import Teacher
from tests.scheduler.training import make_example
from tests.scheduler.world import FakeServedModel

EXAMPLES = [make_example(f"How do I cook dish {n}?", f"Answer {n}.") for n in range(3)]


def never() -> bool:
    return False


def teacher(model: FakeServedModel, cache: Path) -> Teacher:
    return Teacher(model, ReferenceReplies(model, "r0", cache))


def shown_texts(reply: Reply) -> list[str]:
    return [each.content for each in reply.messages]


def test_each_text_is_left_out_of_what_is_shown_with_it(tmp_path: Path) -> None:
    model = FakeServedModel()

    def log_prob(reply: Reply, adapter: Adapter) -> float:
        assert reply.text not in shown_texts(reply)
        if len(reply.messages) == 1:
            return -4.0
        return -2.0 if any("Answer" in each for each in shown_texts(reply)) else -3.0

    model.log_prob = log_prob
    evidence = teacher(model, tmp_path).evidence(EXAMPLES, never)
    assert len(evidence.left_out) == len(EXAMPLES)
    assert {(e.alone, e.own, e.stranger) for e in evidence.left_out} == {(-4.0, -2.0, -3.0)}


def test_plain_questions_are_asked_with_and_without_demonstrations(tmp_path: Path) -> None:
    model = FakeServedModel()
    model.base = "Tokyo, 1945, Einstein, 12"
    model.base_with_memory = lambda question: "Tokyo"
    evidence = teacher(model, tmp_path).evidence(EXAMPLES, never)
    assert (evidence.num_right, evidence.num_right_shown) == (5, 1)


def test_one_example_is_no_evidence_and_asks_nothing(tmp_path: Path) -> None:
    model = FakeServedModel()
    evidence = teacher(model, tmp_path).evidence(EXAMPLES[: MIN_DEMONSTRATIONS - 1], never)
    assert evidence.left_out == ()
    assert model.asked == []


def test_lessons_hold_the_teachers_replies_with_their_likeliest_tokens(tmp_path: Path) -> None:
    model = FakeServedModel()
    lessons = teacher(model, tmp_path).lessons(EXAMPLES, 0, never)
    assert {each.text for each in lessons.taught} == {
        each.shown[-1].content.upper() for each in lessons.taught
    }
    assert all(len(place) == NUM_TOP for each in lessons.taught for place in each.top)
    own = lessons.taught[-len(EXAMPLES)]
    assert "Answer 0." not in [each.content for each in own.shown]
    assert len(own.shown) > len(own.messages)


def test_unseen_prompts_are_also_asked_after_another_exchange_with_memory(tmp_path: Path) -> None:
    lessons = teacher(FakeServedModel(), tmp_path).lessons(EXAMPLES, 0, never)
    for each in lessons.unseen:
        *memory, earlier, reply, question = each.later
        assert (question,) == each.messages
        assert (*memory, question) == each.shown
        assert (earlier.role, reply.role) == ("user", "assistant")
    assert not any(each.later for each in lessons.taught)


def test_the_base_without_an_adapter_teaches(tmp_path: Path) -> None:
    model = FakeServedModel()
    teacher(model, tmp_path).lessons(EXAMPLES, 0, never)
    assert set(model.asked) == {None}


def test_replies_that_are_empty_or_loop_teach_nothing(tmp_path: Path) -> None:
    model = FakeServedModel()
    faults = {SYNTHETIC_PROMPTS[0]: "", SYNTHETIC_PROMPTS[2]: "on and on and " * 10}
    model.base_with_memory = lambda question: faults.get(question, question.upper())
    lessons = teacher(model, tmp_path).lessons(EXAMPLES, 0, never)
    asked = {each.messages[-1].content for each in lessons.taught}
    assert asked.isdisjoint(faults)
    assert SYNTHETIC_PROMPTS[4] in asked


def test_the_stranger_is_nobody_of_the_deployment() -> None:
    assert all(each.example_id.startswith("stranger") for each in STRANGER.demonstrations)
