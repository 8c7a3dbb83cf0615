"""Replies side by side are shown while the words behind them stand."""

from dataclasses import replace

from feedback.examples.build import build_examples
from feedback.memory.from_examples import demonstrated
from feedback.records import Feedback, Interaction, Message
from scheduler.records import ReplySample, TeacherChoice, TeacherKind
from scheduler.version_report import VersionReport
from server.learning.reply_samples import samples_json

TURN = Interaction(
    id="turn",
    user_id="ann",
    conversation_id="chat",
    created_at=1.0,
    model="tiny",
    adapter="base",
    messages=(Message("user", "When do you open?"),),
    replies=("At any time.",),
    finish_reasons=("stop",),
    prompt_tokens=3,
    completion_tokens=4,
)
CORRECTION = Feedback(
    id="feedback",
    user_id="ann",
    completion_id="turn",
    created_at=2.0,
    updated_at=2.0,
    correction="At nine.",
)
[EXAMPLE] = demonstrated(build_examples([TURN], [CORRECTION]))
GENERIC = ReplySample("Why?", "So.", None, "Because.")
HELD_OUT = ReplySample("When do you open?", "At any time.", "At ten.", "At nine.", EXAMPLE.id)
BY_DEMONSTRATIONS = VersionReport(
    teacher=TeacherChoice(TeacherKind.DEMONSTRATIONS, "It does."), samples=(HELD_OUT, GENERIC)
)


def test_a_sample_has_what_the_user_wrote_there() -> None:
    [held_out, generic] = samples_json(BY_DEMONSTRATIONS, frozenset(), [TURN], [CORRECTION])
    assert held_out["wanted"] == "At nine."
    assert generic == {
        "prompt": "Why?",
        "base": "So.",
        "memory": None,
        "candidate": "Because.",
        "example_id": None,
        "wanted": None,
    }


def test_a_withdrawn_held_out_text_takes_its_sample_along() -> None:
    assert [e["prompt"] for e in samples_json(BY_DEMONSTRATIONS, frozenset(), [], [])] == ["Why?"]


def test_a_withdrawn_demonstration_takes_all_samples_along() -> None:
    learned = frozenset({EXAMPLE.id})
    assert len(samples_json(BY_DEMONSTRATIONS, learned, [TURN], [CORRECTION])) == 2
    assert samples_json(BY_DEMONSTRATIONS, learned, [], []) == []


def test_samples_of_rules_hold_no_word_of_the_user() -> None:
    by_rules = replace(BY_DEMONSTRATIONS, teacher=None, samples=(GENERIC,))
    assert len(samples_json(by_rules, frozenset({"synthetic"}), [], [])) == 1
