"""Runs of users who write their own words: the base with their memory teaches."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.examples.build import build_examples
from feedback.memory.from_examples import demonstrated
from scheduler.records import RunStatus
from scheduler.served_model import Adapter, Reply
from scheduler.version_report import report_of
from tests.scheduler.evaluations import without_held_out
from tests.scheduler.world import World

WORDS = (
    "Wir haben montags zu.",
    "Der Laden liegt am Fluss.",
    "Ein Platten kostet zwölf Euro.",
    "Frag Paula nach dem Schlüssel.",
    "Mittwochs holen wir Räder ab.",
)
TAUGHT = without_held_out(
    num_unseen=12,
    num_closer=12,
    teacher_kl_base=1.0,
    teacher_kl=0.3,
    num_closer_later=12,
    teacher_kl_base_later=0.6,
    teacher_kl_later=0.1,
)


def understood(reply: Reply, adapter: Adapter) -> float:
    """What the user wrote is likelier after other texts of the user."""
    said = {each.content for each in reply.messages}
    return -1.0 if said & set(WORDS) else -3.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, Database(memory=True))
    world.model.log_prob = understood
    world.model.base = "Plain and sensible words."
    world.model.base_with_memory = str.upper
    world.model.candidate = world.model.with_memory = "A reply."
    world.trainer.evaluation = TAUGHT
    for place, text in enumerate(WORDS):
        world.correct("ann", f"word-{place}", text)
    return world


def written(world: World) -> dict[str, str]:
    """The ids of the examples that memory shows, by what the user wrote."""
    interactions, feedback = world.log.turns_with_feedback("ann")
    return {e.chosen: e.id for e in demonstrated(build_examples(interactions, feedback))}


def test_an_adapter_learns_what_the_base_says_with_the_users_memory(world: World) -> None:
    run = world.train("ann")
    assert run.status is RunStatus.PROMOTED, run.reason
    [job] = world.trainer.jobs
    assert job.lessons is not None
    assert not job.rules and not job.probes
    assert job.reference_replies  # its drift is measured, too
    assert run.report["teacher"]["kind"] == "demonstrations"
    assert (
        "5 of 5 texts that the user wrote or liked are likelier"
        in run.report["teacher"]["sentence"]
    )
    names = [each["name"] for each in run.report["verdict"]["measures"]]
    assert names[:2] == ["adherence", "adherence in later turns"]


def test_the_weights_hold_only_what_the_teacher_was_shown(world: World) -> None:
    world.train("ann")
    [dataset], [job] = world.trainer.datasets, world.trainer.jobs
    assert job.lessons is not None
    shown = {m.content for each in job.lessons.taught for m in each.shown}
    ids = written(world)
    held_out = {each.chosen for each in demonstrated(dataset.held_out)}
    assert len(held_out) == 1
    assert shown & set(WORDS) == set(WORDS) - held_out
    assert set(world.active("ann").example_ids) == {ids[text] for text in set(WORDS) - held_out}


def test_the_base_with_a_held_out_text_measures_the_candidate(world: World) -> None:
    run = world.train("ann")
    [left_out] = [m for m in run.report["verdict"]["measures"] if m["name"] == "left-out texts"]
    assert (left_out["n"], left_out["base"], left_out["memory"]) == (1, -3.0, -1.0)


def test_a_text_that_may_not_fit_into_the_context_teaches_nothing(world: World) -> None:
    long = "Ein sehr langer Satz. " * 200
    world.correct("ann", "long", long)
    world.train("ann")
    [job] = world.trainer.jobs
    assert job.lessons is not None
    shown = {m.content for each in job.lessons.taught for m in each.shown}
    assert long.strip() not in {each.strip() for each in shown}
    assert written(world)[long] not in world.active("ann").example_ids


def test_without_evidence_memory_shows_them_and_nothing_is_trained(world: World) -> None:
    world.model.log_prob = lambda reply, adapter: -3.0
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert run.reason.startswith("Memory shows what the user wrote. With the user's other")
    assert run.report["teacher"]["kind"] == "none"
    assert world.trainer.jobs == []


def test_what_else_the_user_gave_is_still_learned_without_evidence(world: World) -> None:
    world.model.log_prob = lambda reply, adapter: -3.0
    loser, winner = (world.answer("ann", "asked", each) for each in ("Some words.", "Others!"))
    world.prefer("ann", winner, loser)
    world.train("ann")
    [dataset] = world.trainer.datasets
    assert {each.source for each in dataset.examples} == {"preference"}
    assert world.trainer.jobs[0].lessons is None


def test_ratings_beside_texts_without_evidence_are_not_trained_on(world: World) -> None:
    world.model.log_prob = lambda reply, adapter: -3.0
    world.rate("ann", world.answer("ann", "liked"), 1)
    run = world.train("ann")
    assert (run.status, world.trainer.jobs) == (RunStatus.REFUSED, [])
    assert run.reason.startswith("Memory shows what the user wrote.")


def test_without_new_feedback_no_evidence_is_asked_for(world: World) -> None:
    world.train("ann")
    asked = len(world.model.asked)
    run = world.train("ann")
    assert (run.status, run.reason) == (RunStatus.REFUSED, "nothing new since v1")
    assert len(world.model.asked) == asked


def test_a_version_in_use_stays_if_new_texts_show_nothing(world: World) -> None:
    world.train("ann")
    world.model.log_prob = lambda reply, adapter: -3.0
    world.correct("ann", "more", "Sonst noch etwas.")
    assert world.train("ann").status is RunStatus.REFUSED
    assert world.active("ann").number == 1


def test_a_version_whose_texts_were_withdrawn_does_not_stay(world: World) -> None:
    world.train("ann")
    world.model.log_prob = lambda reply, adapter: -3.0
    for place in range(len(WORDS)):
        world.log.delete_feedback("ann", f"ann-word-{place}", world.now)
    world.correct("ann", "one", "Noch ein Satz.")
    world.correct("ann", "two", "Zweierlei Brot gibt es.")
    world.train("ann")
    assert world.registry.active("ann") is None


def test_a_deleted_text_is_in_no_lesson_of_the_next_fit(world: World) -> None:
    world.train("ann")
    world.log.delete_feedback("ann", "ann-word-0", world.now)
    world.train("ann")
    lessons = world.trainer.jobs[-1].lessons
    assert lessons is not None
    replies = (*lessons.taught, *lessons.unseen)
    assert WORDS[0] not in {m.content for each in replies for m in each.shown}


def test_memory_stays_in_the_prompt_beside_the_weights(world: World) -> None:
    world.trainer.evaluation = replace(TAUGHT, teacher_kl=0.01)
    world.train("ann")
    assert not report_of(world.active("ann")).replaces_memory


def test_a_candidate_that_spoils_plain_questions_is_refused(world: World) -> None:
    world.model.base = "Tokyo, 1945, Einstein, 12"
    world.model.base_with_memory = lambda question: world.model.base
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert "It answers 0 of 40 plain questions right, the base 5; it lost 5" in run.reason


def test_a_version_reads_back_its_teacher_and_measures(world: World) -> None:
    world.train("ann")
    report = report_of(world.active("ann"))
    assert report.teacher is not None and report.teacher.kind == "demonstrations"
    assert report.verdict is not None
    assert [each.name for each in report.verdict.measures][-1] == "degeneration"
