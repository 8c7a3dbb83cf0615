"""Runs of the pipeline, with real stores and a trainer that trains nothing."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from adapters_store.errors import AdapterInvalidError
from feedback.examples.build import build_examples
from feedback.examples.dataset import build_dataset
from feedback.filters.records import Rejection, RejectionReason
from feedback.records import Dataset, ExampleSource
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus
from scheduler.augmentation.prompts import SYNTHETIC_PROMPTS, UNANSWERABLE_PROMPTS
from scheduler.errors import RunNotFoundError, TrainingCancelledError, TrainingFailedError
from scheduler.records import RunStatus, TrainingConfig, TrainingRun
from scheduler.version_report import report_of
from tests.scheduler.evaluations import good
from tests.scheduler.world import World

LOWER = Rule("case", "lower")
NUM_UNANSWERABLE = 3
"""Added to one correction and its twelve synthetic examples."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, Database(memory=True))


def fail_with(error: Exception) -> None:
    raise error


def cancel(world: World, run: TrainingRun) -> None:
    world.runs.request_cancel(run.id, world.now)


def with_training(world: World, training: TrainingConfig) -> None:
    world.config = replace(world.config, training=training)
    world.pipeline = world.build_pipeline(world.trainer)


def test_a_user_without_feedback_has_nothing_to_learn_from(world: World) -> None:
    run = world.train("ann")
    assert (run.status, run.reason) == (RunStatus.REFUSED, "nothing to learn from yet")
    assert world.trainer.jobs == []


def test_a_good_adapter_is_promoted(world: World) -> None:
    world.correct("ann", "one")
    run = world.train("ann")
    version = world.active("ann")
    assert run.status is RunStatus.PROMOTED
    assert run.reason.startswith("v1 is in use (significant). It beats the base model on 7 of 8")
    assert run.version == version.number == 1
    assert world.files.open(version).is_dir()
    assert world.folders() == {version.folder}


def test_a_version_records_its_origin(world: World) -> None:
    world.correct("ann", "one")
    run = world.train("ann")
    version, dataset = world.active("ann"), world.trainer.datasets[0]
    assert version.run_id == run.id
    assert version.created_by == "admin"
    assert version.parent is None
    assert version.dataset_hash == run.dataset_hash == dataset.content_hash
    assert version.example_ids == tuple(example.id for example in dataset.examples)
    assert (version.base_model, version.base_revision) == ("tiny", "revision")
    assert (version.lora, version.seed) == (world.config.lora, world.config.training.seed)


def test_run_and_version_record_the_evaluation(world: World) -> None:
    world.correct("ann", "one")
    run = world.train("ann")
    assert run.report["evaluation"]["held_out_wins"] == 7
    assert run.report["verdict"]["outcome"] == "significant"
    assert run.usage == {"device": "cpu", "device_seconds": 1.5}
    assert world.active("ann").report == {**run.report, "usage": run.usage}
    assert run.progress.loss == run.report["evaluation"]["train_loss_after"]


def test_run_and_version_record_the_losses_of_the_fit(world: World) -> None:
    world.correct("ann", "one")
    run = world.train("ann")
    curve = [{"phase": "training", "points": [[1, 1.0]]}]
    assert run.report["curve"] == world.active("ann").report["curve"] == curve


def test_the_second_version_is_compared_with_the_first(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    first = world.active("ann")
    world.correct("ann", "two")
    run = world.train("ann")
    assert run.version == 2
    assert world.active("ann").parent == 1
    job = world.trainer.jobs[1]
    assert job.incumbent == str(world.files.open(first).resolve())
    assert job.incumbent_example_ids == first.example_ids


def test_the_same_feedback_is_not_trained_on_twice(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    run = world.train("ann")
    assert (run.status, run.reason) == (RunStatus.REFUSED, "nothing new since v1")
    assert len(world.trainer.jobs) == 1


def test_another_seed_trains_on_the_same_feedback_again(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    world.config = replace(world.config, training=TrainingConfig(seed=1))
    world.pipeline = world.build_pipeline(world.trainer)
    assert world.train("ann").version == 2


def test_a_version_for_another_base_is_not_the_incumbent(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    world.config = replace(world.config, base_revision="another")
    world.pipeline = world.build_pipeline(world.trainer)
    assert world.train("ann").version == 2
    assert world.trainer.jobs[1].incumbent is None
    assert world.trainer.jobs[1].incumbent_example_ids == ()


def test_a_damaged_version_in_use_is_replaced(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    damaged = world.adapters / world.active("ann").folder / "adapter_model.safetensors"
    damaged.unlink()
    run = world.train("ann")
    assert (run.status, run.version) == (RunStatus.PROMOTED, 2)
    assert world.trainer.jobs[1].incumbent is None


def test_a_refused_candidate_leaves_no_version(world: World) -> None:
    world.correct("ann", "one")
    world.trainer.evaluation = good(reference_kl=9.0)
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert "drifts from the base model by 9.000" in run.reason
    assert run.report["evaluation"]["reference_kl"] == 9.0
    assert world.registry.versions("ann") == []
    assert world.folders() == set()


def test_a_candidate_with_repetitive_replies_is_refused(world: World) -> None:
    world.correct("ann", "one")
    world.model.candidate = "the sea and " * 12
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert "100% of its replies are empty, loop, echo the prompt or are all alike" in run.reason
    assert world.folders() == set()


def test_a_collapsed_candidate_is_refused(world: World) -> None:
    world.correct("ann", "one")
    world.model.candidate = "I am sorry but I cannot help you with that."
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert "100% of its replies are empty, loop, echo the prompt or are all alike" in run.reason


def test_a_candidate_with_empty_replies_is_refused(world: World) -> None:
    world.correct("ann", "one")
    world.model.candidate = ""
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert "100% of its replies are empty" in run.reason


def test_the_served_model_replies_with_the_staged_candidate(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    [candidate] = world.trainer.destinations
    # To the generic prompts, and to the plain questions without and with memory.
    assert [each for each in world.model.asked if each] == [candidate] * 3


def test_a_probed_candidate_is_also_probed_with_few_shot_examples(world: World) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.trainer.evaluation = good(num_probes=12, compliance=6, probe_round=2)
    world.model.base = "A long reply. It has three sentences. They are plain."
    world.model.with_memory = "A Long Reply."
    run = world.train("ann")
    assert run.report["evaluation"]["compliance_with_few_shot"] == 0
    assert report_of(world.active("ann")).replaces_memory
    assert "on 6 of 12 probe prompts, with a few-shot prompt on 0" in run.reason


def test_a_candidate_that_complies_no_more_often_than_the_few_shot_base_is_refused(
    world: World,
) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.trainer.evaluation = good(num_probes=12, compliance=6)
    world.model.base = "A long reply. It has three sentences. They are plain."
    world.model.base_with_memory = str.lower
    run = world.train("ann")
    assert run.report["evaluation"]["base_compliance_with_few_shot"] == 12
    assert run.status is RunStatus.REFUSED
    assert "on 6 of 12 probe prompts" in run.reason
    assert "with a few-shot prompt on 12." in run.reason


def test_a_candidate_that_follows_rules_less_than_memory_alone_is_refused(world: World) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.trainer.evaluation = good(num_probes=12, compliance=6, held_out_examples=1)
    world.model.base = "A long reply. It has three sentences. They are plain."
    world.model.base_with_memory = str.lower
    assert world.train("ann").status is RunStatus.REFUSED


@pytest.mark.parametrize(("compliance", "where"), [(12, "In place of"), (0, "Beside")])
def test_a_candidate_that_answers_less_than_memory_alone_is_refused(
    world: World, compliance: int, where: str
) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.trainer.evaluation = good(num_probes=12, compliance=compliance)
    world.model.base_with_memory = lambda question: f"{question.lower()} tokyo, 1945, einstein, 12"
    world.model.with_memory = "a reply."
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert f"{where} memory it answers 0 of 40 plain questions right, memory alone 5" in run.reason


def test_a_candidate_refused_by_its_losses_is_not_asked_to_reply(world: World) -> None:
    world.correct("ann", "one")
    world.trainer.evaluation = good(reference_kl=9.0)
    run = world.train("ann")
    assert set(world.model.asked) == {None}
    names = [each["name"] for each in run.report["verdict"]["measures"]]
    assert "drift" in names and "degeneration" not in names


def test_synthetic_examples_are_added(world: World) -> None:
    world.model.base = "A Sensible Reply. It has two sentences."
    world.correct("ann", "one", "a long and formal reply.")
    world.train("ann")
    *synthetic, corrected = world.trainer.datasets[0].train
    assert {each.source for each in synthetic} == {"synthetic"}
    assert {each.chosen for each in synthetic[NUM_UNANSWERABLE:]} == {
        "a sensible reply. it has two sentences."
    }
    assert corrected.source == "correction"


def test_what_the_user_wants_is_no_drift(world: World) -> None:
    world.model.base = "A Sensible Reply."
    world.correct("ann", "one", "a long and formal reply.")
    world.train("ann")
    [job] = world.trainer.jobs
    assert {reply for _, reply in job.reference_replies} == {"a sensible reply."}


def test_what_the_base_says_to_unanswerable_prompts_is_learned_too(world: World) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.train("ann")
    added = world.trainer.datasets[0].train[:NUM_UNANSWERABLE]
    assert {each.messages[-1].content for each in added} < set(UNANSWERABLE_PROMPTS)
    assert {each.chosen for each in added} == {"a sensible reply."}


def test_unanswerable_prompts_are_added_without_other_synthetic_examples_too(world: World) -> None:
    with_training(world, TrainingConfig(synthetic_examples=0))
    for name in "abcdef":
        world.correct("ann", name, "a long and formal reply.")
    world.train("ann")
    [added, *_] = world.trainer.datasets[0].train
    assert added.source == "synthetic"


def test_synthetic_examples_are_part_of_the_version(world: World) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.train("ann")
    assert world.train("ann").reason == "nothing new since v1"
    assert len(world.active("ann").example_ids) == 1 + 12 + NUM_UNANSWERABLE
    assert report_of(world.active("ann")).rules == (Rule("case", "lower"),)


def test_a_dropped_rule_makes_no_synthetic_examples_but_its_correction_stays(world: World) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.train("ann")
    world.log.decide(RuleDecision("ann", LOWER, RuleStatus.DROPPED, world.now))
    assert world.train("ann").status is RunStatus.PROMOTED
    assert {each.source for each in world.trainer.datasets[1].examples} == {"correction"}
    assert report_of(world.active("ann")).rules == ()


def test_a_pinned_rule_makes_synthetic_examples_despite_later_corrections(world: World) -> None:
    world.correct("ann", "one", "a long and formal reply.")
    world.log.decide(RuleDecision("ann", LOWER, RuleStatus.PINNED, world.now))
    world.correct("ann", "two", "A LONG AND FORMAL REPLY.")
    world.train("ann")
    synthetic = [e for e in world.trainer.datasets[0].train if e.source == "synthetic"]
    assert {each.chosen for each in synthetic[NUM_UNANSWERABLE + 1 :]} == {"a sensible reply."}
    assert report_of(world.active("ann")).rules == (Rule("case", "lower"),)


def test_a_pinned_rule_makes_synthetic_examples_without_any_correction(world: World) -> None:
    feedback_id = world.correct("ann", "one", "a long and formal reply.")
    world.log.decide(RuleDecision("ann", LOWER, RuleStatus.PINNED, world.now))
    world.train("ann")
    world.log.delete_feedback("ann", feedback_id, world.now)
    assert world.train("ann").version == 2
    assert {each.source for each in world.trainer.datasets[1].examples} == {"synthetic"}


def test_after_preparing_a_run_asks_the_base_only_with_memory(world: World) -> None:
    world.pipeline.prepare(lambda: False)
    assert world.trainer.prepared == 1
    assert world.model.asked == [None] * 5
    world.correct("ann", "one", "a long and formal reply.")
    world.train("ann")
    [candidate] = world.trainer.destinations
    # The base answers the plain questions with memory, which is the user's own.
    assert world.model.asked[5:] == [candidate, candidate, None, candidate]


def test_a_diverged_fit_is_refused_and_recorded(world: World) -> None:
    world.correct("ann", "one")
    world.trainer.evaluation = good(train_loss_after=math.nan)
    world.trainer.usage = {"device_seconds": math.inf}
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert run.report["evaluation"]["train_loss_after"] is None
    assert run.usage == {"device_seconds": None}


def test_a_failed_training_says_why_and_leaves_the_version_in_use(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    in_use = world.active("ann")
    world.correct("ann", "two")
    world.trainer.meanwhile = lambda: fail_with(TrainingFailedError("out of memory"))
    run = world.train("ann")
    assert (run.status, run.reason) == (RunStatus.FAILED, "out of memory")
    assert run.dataset_hash is not None
    assert world.active("ann") == in_use
    assert world.folders() == {in_use.folder}


def test_an_adapter_that_fails_verification_is_a_failure(world: World) -> None:
    world.correct("ann", "one")
    world.verify = lambda folder: fail_with(AdapterInvalidError("a tensor has a wrong shape"))
    run = world.train("ann")
    assert run.status is RunStatus.FAILED
    assert run.reason == "the trained adapter is unusable: a tensor has a wrong shape"
    assert world.folders() == set()


def test_a_frozen_adapter_is_not_trained(world: World) -> None:
    world.correct("ann", "one")
    world.registry.set_frozen("ann", True, by="admin", at=world.now)
    run = world.train("ann")
    assert (run.status, run.reason) == (RunStatus.REFUSED, "the adapter is frozen")
    assert world.trainer.jobs == []


def test_an_adapter_frozen_during_training_is_stored_but_not_promoted(world: World) -> None:
    world.correct("ann", "one")
    world.trainer.meanwhile = lambda: world.registry.set_frozen(
        "ann", True, by="admin", at=world.now
    )
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert run.reason == "v1 is stored but not in use: the adapter was frozen during the run"
    assert world.registry.active("ann") is None


def test_a_rollback_during_training_wins(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    world.correct("ann", "two")

    def roll_back() -> None:
        world.registry.roll_back("ann", by="admin", at=world.now, reason="worse")

    world.trainer.meanwhile = roll_back
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert run.reason == (
        "v2 is stored but not in use: v1 was in use when the run began, and base is in use now"
    )
    assert world.registry.active("ann") is None
    assert run.version == world.registry.versions("ann")[0].number == 2


def test_a_run_cancelled_at_the_last_moment_leaves_nothing(world: World) -> None:
    world.correct("ann", "one")
    run = world.begin("ann")
    world.trainer.meanwhile = lambda: cancel(world, run)
    with pytest.raises(TrainingCancelledError):
        world.pipeline.run(run, lambda: False)
    assert world.runs.run(run.id).status is RunStatus.RUNNING
    assert world.registry.versions("ann") == []
    assert world.folders() == set()


def test_a_user_erased_during_training_does_not_come_back(world: World) -> None:
    world.correct("ann", "one")
    run = world.begin("ann")

    def erase() -> None:
        world.log.erase("ann")
        world.runs.erase("ann")
        world.registry.erase("ann")

    world.trainer.meanwhile = erase
    with pytest.raises(TrainingCancelledError):
        world.pipeline.run(run, lambda: False)
    assert world.registry.versions("ann") == []
    assert world.folders() == set()
    with pytest.raises(RunNotFoundError):
        world.runs.run(run.id)


def corrections(dataset: Dataset) -> set[str]:
    return {e.chosen for e in dataset.examples if e.source is ExampleSource.CORRECTION}


def test_withdrawn_feedback_is_not_trained_on(world: World) -> None:
    world.correct("ann", "one")
    feedback_id = world.correct("ann", "two")
    world.train("ann")
    world.log.delete_feedback("ann", feedback_id, world.now)
    world.train("ann")
    assert corrections(world.trainer.datasets[1]) == {"a long and one reply."}


def test_a_regenerated_reply_is_rejected_in_favour_of_the_liked_one(world: World) -> None:
    world.answer("ann", "one", "The first reply, which nobody rated.")
    world.rate("ann", world.answer("ann", "one", "Something else."), 1)
    world.train("ann")
    [pair] = [each for each in world.trainer.datasets[0].examples if each.rejected is not None]
    assert (pair.chosen, pair.rejected) == (
        "Something else.",
        "The first reply, which nobody rated.",
    )


def test_dislikes_are_trained_with_kl_replies(world: World) -> None:
    world.rate("ann", world.answer("ann", "one", "no rule repairs this."), -1)
    world.correct("ann", "two")
    world.train("ann")
    [job] = world.trainer.jobs
    assert len(job.kl_replies) == len(SYNTHETIC_PROMPTS)
    assert not set(job.kl_replies) & set(job.reference_replies)


def test_ratings_that_show_nothing_in_common_are_not_trained_on(world: World) -> None:
    world.rate("ann", world.answer("ann", "one"), -1)
    world.rate("ann", world.answer("ann", "two"), 1)
    run = world.train("ann")
    assert (run.status, world.trainer.jobs) == (RunStatus.REFUSED, [])
    assert run.reason.startswith("the ratings do not show yet what liked replies have in common")


def test_a_version_does_not_stay_if_only_dislikes_are_left(world: World) -> None:
    corrected = world.correct("ann", "two")
    world.rate("ann", world.answer("ann", "one"), -1)
    world.train("ann")
    world.log.delete_feedback("ann", corrected, world.now)
    assert world.train("ann").status is RunStatus.REFUSED
    assert world.registry.active("ann") is None


def test_dislikes_that_a_rule_explains_are_repaired_by_it(world: World) -> None:
    world.rate("ann", world.answer("ann", "one"), -1)
    world.log.decide(RuleDecision("ann", LOWER, RuleStatus.PINNED, world.now))
    run = world.train("ann")
    [disliked] = [e for e in world.trainer.datasets[0].examples if e.source == "disliked"]
    assert disliked.revised_from and disliked.chosen == disliked.revised_from.lower()
    assert run.report["fit"]["sentences"][1].startswith("The rules explain 1 of 1 disliked")
    assert world.train("ann").reason == "nothing new since v1"


def test_without_dislikes_there_are_no_kl_replies(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    assert world.trainer.jobs[0].kl_replies == ()


def test_an_example_with_a_secret_is_rejected_and_counted(world: World) -> None:
    world.correct("ann", "one")
    world.correct("ann", "two", "Pay with 4111 1111 1111 1111, as ever.")
    run = world.train("ann")
    assert corrections(world.trainer.datasets[0]) == {"a long and one reply."}
    curation = run.report["curation"]
    assert (curation["accepted"], curation["rejected"]) == (2, {"secret": 2})
    assert world.active("ann").report["curation"] == run.report["curation"]


def test_an_example_rejected_by_loss_is_not_part_of_the_version(world: World) -> None:
    world.correct("ann", "one")
    world.correct("ann", "two")
    interactions, feedback = world.log.turns_with_feedback("ann")
    rejected = build_examples(interactions, feedback)[0].id
    world.trainer.rejections = {rejected: Rejection(RejectionReason.MISMATCH, "It is odd.")}
    report = world.train("ann").report["curation"]
    assert report["rejected"] == {"mismatch": 1}
    assert report["rejected_by_loss"] == {rejected: {"reason": "mismatch", "why": "It is odd."}}
    built = {each.id for each in build_examples(interactions, feedback)}
    learned = built.intersection(world.active("ann").example_ids)
    assert rejected not in learned and len(learned) == report["accepted"]


def test_a_version_records_superseded_examples(world: World) -> None:
    world.correct("ann", "one", "a formal and long reply.")
    world.correct("ann", "ONE", "a long and formal reply.")
    interactions, feedback = world.log.turns_with_feedback("ann")
    formal = {
        e.id for e in build_examples(interactions, feedback) if e.chosen.startswith("a formal")
    }
    world.train("ann")
    version = world.active("ann")
    assert formal == set(version.report["curation"]["superseded"])
    assert not formal & set(version.example_ids)


def test_if_every_example_is_rejected_nothing_is_trained(world: World) -> None:
    world.correct("ann", "one", "Pay with 4111 1111 1111 1111, as ever.")
    run = world.train("ann")
    assert (run.status, run.reason) == (RunStatus.REFUSED, "every example was rejected")
    assert run.report["curation"]["rejected"] == {"secret": 2}


def test_one_correction_in_own_words_is_left_to_memory(world: World) -> None:
    world.correct("ann", "one", "Wir haben montags zu.")
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert run.reason.startswith("Memory shows what the user wrote. Demonstrations teach from 2 on")
    assert run.report["teacher"]["kind"] == "none"
    assert world.trainer.jobs == []


def test_if_every_example_is_rejected_since_the_base_answers_again(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    # A newer correction of the same reply replaces the first, and is rejected itself.
    turn = world.log.turns_with_feedback("ann")[0][0].id
    world.now += 1.0
    world.recorrect("ann", "again", turn, "Pay with 4111 1111 1111 1111, as ever.")
    run = world.train("ann")
    assert "was withdrawn or is now rejected; the base model answers again" in run.reason
    assert world.registry.active("ann") is None


def test_users_do_not_share_feedback(world: World) -> None:
    world.correct("ann", "one")
    world.correct("bob", "two")
    world.train("bob")
    assert {example.user_id for example in world.trainer.datasets[0].examples} == {"bob"}
    assert world.registry.active("ann") is None


def test_sweeping_leaves_only_versions(world: World) -> None:
    world.correct("ann", "one")
    world.train("ann")
    world.files.stage()
    world.pipeline.sweep()
    assert world.folders() == {world.active("ann").folder}
    assert world.trainer.sweeps == 1


def test_a_first_version_is_trained_from_scratch_and_says_how(world: World) -> None:
    world.correct("ann", "one")
    run = world.train("ann")
    [job] = world.trainer.jobs
    assert not job.warm_start
    assert run.report["fit"] == {
        "sentences": ["Trained from scratch on 17 examples: up to 1000 always are."],
        "start": None,
        "start_checksum": None,
        "dataset_hash": run.dataset_hash,
        "training": asdict(world.config.training),
    }


def with_warm_starts(world: World) -> None:
    with_training(world, TrainingConfig(warm_start_above=4, synthetic_examples=0))


def test_with_many_examples_a_fit_continues_from_the_version_in_use(world: World) -> None:
    with_warm_starts(world)
    for name in "abc":
        world.correct("ann", name)
    world.train("ann")
    first = world.active("ann")
    world.correct("ann", "d")
    run = world.train("ann")
    second, job, taught = world.active("ann"), world.trainer.jobs[1], world.trainer.datasets[1]
    assert second.dataset_hash == run.dataset_hash == taught.content_hash
    assert (job.warm_start, job.incumbent) == (True, str(world.files.open(first).resolve()))
    assert len(job.kl_replies) == len(SYNTHETIC_PROMPTS)
    assert len(taught.examples) == 3
    assert run.report["fit"] == {
        "sentences": ["Continued from v1, which learned 6 examples, with 2 new and 1 old ones."],
        "start": 1,
        "start_checksum": first.checksum,
        "dataset_hash": build_dataset(
            "ann", build_examples(*world.log.turns_with_feedback("ann"))
        ).content_hash,
        "training": asdict(job.training),
    }
    assert set(first.example_ids) < set(second.example_ids)
    assert len(second.example_ids) == 8
    assert world.train("ann").reason == "nothing new since v2"


def test_withdrawn_feedback_leaves_no_trace_in_a_warm_start(world: World) -> None:
    with_warm_starts(world)
    for name in "abc":
        world.correct("ann", name)
    world.train("ann")
    feedback_id = world.correct("ann", "d")
    world.train("ann")
    world.log.delete_feedback("ann", feedback_id, world.now)
    run = world.train("ann")
    assert not world.trainer.jobs[2].warm_start
    assert world.trainer.datasets[2] == world.trainer.datasets[0]
    [sentence] = run.report["fit"]["sentences"]
    assert sentence == "Trained from scratch on 6 examples: no version in use can be continued."


def test_a_warm_start_remembers_what_its_start_rejected_by_loss(world: World) -> None:
    with_warm_starts(world)
    for name in "abcd":
        world.correct("ann", name)
    interactions, feedback = world.log.turns_with_feedback("ann")
    odd = build_examples(interactions, feedback)[0].id
    world.trainer.rejections = {odd: Rejection(RejectionReason.MISMATCH, "It is odd.")}
    world.train("ann")
    world.trainer.rejections = {}
    world.correct("ann", "e")
    run = world.train("ann")
    assert world.trainer.jobs[1].warm_start
    assert set(run.report["curation"]["rejected_by_loss"]) == {odd}
    assert odd not in world.active("ann").example_ids
