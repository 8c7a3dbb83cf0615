"""A data folder of an earlier release opens, and means what it meant.

`folder/` was written by the release before the tables and reports were renamed: one user, whose
adapter was trained and promoted for real on the tiny model. Then one correction was deleted and
another one added. `expected.json` is what that release said about the folder, in today's words:
its two approved proposals are corrected chat turns, and with them five conversations are held out.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from adapters_store.models.resolve import resolve_model
from adapters_store.records import AdapterVersion
from feedback.examples.build import feedback_behind
from feedback.examples.dataset import build_dataset, with_synthetic
from feedback.examples.synthetic import synthetic_example
from feedback.filters.records import FilterResult, Rejection, RejectionReason, accepted
from feedback.filters.run import filter_examples
from feedback.memory.bm25 import demonstrations_for
from feedback.memory.demonstrations import build_memory, select_memory, without_learned
from feedback.records import Dataset, ExampleSource, Message, TrainingExample
from feedback.rules.rule import Rule
from feedback.rules.user_rules import active_rules, learn_rules
from scheduler.augmentation.prompts import UNANSWERABLE_PROMPTS
from scheduler.candidates import Candidates
from scheduler.errors import TrainingFailedError
from scheduler.policy import is_due
from scheduler.records import (
    GateConfig,
    MemoryConfig,
    PipelineConfig,
    PolicyConfig,
    RunStatus,
    TrainingConfig,
)
from scheduler.retrain.pipeline import Pipeline
from scheduler.retrain.publication import Publisher
from scheduler.retrain.warm_start import FitPlan, plan_fit
from scheduler.run_store import REQUESTED
from scheduler.served_model import Adapter, Prompt, Reply
from scheduler.version_report import overridden_rules, read_report, report_of
from server.accounts.accounts import Accounts
from server.background.rules_cache import RulesCache
from server.chat.memory import learned_by
from server.data_folder import DataFolder
from server.stores import Stores, open_stores
from server.wire.responses import version_json
from tests.scheduler.world import FakeServedModel
from tests.server.live import running
from tests.tiny_model import build_tiny_model

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
USER = EXPECTED["accounts"]["user"]
ABSTENTIONS = (
    (
        "What is my dog called?",
        "I don't know what your dog is called. You have not told me its name.",
    ),
    (
        "How many people will visit Rome in 2085?",
        "Nobody can know how many people will visit Rome in 2085.",
    ),
    ("What am I holding in my left hand?", "I can't see what you are holding. Please tell me."),
    (
        "What did Napoleon think on the evening before he died?",
        "I do not know. Nobody wrote down what Napoleon thought on that evening.",
    ),
    (
        "Which team will win next Sunday?",
        "I'm not able to tell who will win next Sunday. It is not known yet.",
    ),
    ("Why is Peter angry with me?", "I don't know Peter, so I cannot tell you why he is angry."),
)
NOT_SCHEDULED = {"interval": 0, "nightly": ""}


def unpack(folder: Path) -> Path:
    """A copy of the folder, with the database made from its dump."""
    shutil.copytree(HERE / "folder", folder)
    dump = folder / "loralei.sql"
    with closing(sqlite3.connect(folder / "loralei.db")) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    dump.unlink()
    return folder


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    folder = DataFolder(unpack(tmp_path / "data"))
    stores = open_stores(folder)
    yield stores
    stores.database.close()
    folder.release()


def filtered(stores: Stores) -> tuple[FilterResult, ...]:
    turns, feedback = stores.log.turns_with_feedback(USER)
    return filter_examples(turns + stores.log.regenerated(USER), feedback)


def trained_version(stores: Stores) -> AdapterVersion:
    return stores.registry.version(USER, 1)


def splits(dataset: Dataset) -> dict[str, Any]:
    return {
        "content_hash": dataset.content_hash,
        "train": [each.id for each in dataset.train],
        "held_out": [each.id for each in dataset.held_out],
    }


def test_a_folder_that_was_migrated_opens_again(tmp_path: Path) -> None:
    path = unpack(tmp_path / "data")
    for _ in range(2):
        folder = DataFolder(path)
        stores = open_stores(folder)
        counts = asdict(stores.log.counts(USER))
        stores.database.close()
        folder.release()
        assert counts == EXPECTED["counts"]


def test_keys_still_open_their_accounts(stores: Stores) -> None:
    accounts, now = Accounts(stores.database), EXPECTED["due"]["at"]
    keys = EXPECTED["accounts"]
    user = accounts.authenticate(keys["user_key"], now)
    admin = accounts.authenticate(keys["admin_key"], now)
    assert user is not None and user.id == USER
    assert admin is not None and admin.is_admin


def test_examples_keep_their_ids_and_contents(stores: Stores) -> None:
    found = [asdict(example) for example in accepted(filtered(stores))]
    wanted = EXPECTED["accepted"]
    kept = [{name: example[name] for name in wanted[0]} for example in found]
    assert json.loads(json.dumps(kept)) == wanted


def test_filters_reject_the_same_examples_for_the_same_reasons(stores: Stores) -> None:
    found = [
        {"id": each.dated.id, "reason": each.rejection.reason, "other": each.rejection.other}
        for each in filtered(stores)
        if each.rejection
    ]
    assert found == EXPECTED["rejected"]


def test_the_dataset_has_the_same_splits_and_hash(stores: Stores) -> None:
    dataset = build_dataset(USER, accepted(filtered(stores)))
    assert splits(dataset) == EXPECTED["dataset"]


def test_rules_and_decisions_on_them_are_the_same(stores: Stores) -> None:
    found = [
        [
            each.rule.attribute,
            each.rule.value,
            each.status,
            each.support,
            each.against,
            list(each.feedback_ids),
        ]
        for each in RulesCache(stores.log).of(USER)
    ]
    assert found == EXPECTED["rules"]["live"]


def test_a_version_answers_no_more_if_feedback_was_deleted_that_it_may_have_learned(
    stores: Stores,
) -> None:
    assert trained_version(stores).withdrawn_at == 1750014141.5
    assert stores.registry.active(USER) is None
    newest = stores.registry.promotions(USER)[0]
    assert (newest.from_number, newest.to_number, newest.by) == (1, None, "withdrawal")
    now = EXPECTED["due"]["at"]
    candidate = Candidates(stores.unseen, stores.registry, stores.runs).of(USER, now)
    assert is_due(candidate, PolicyConfig(), now).due


def test_the_version_and_its_report_are_read_as_before(stores: Stores) -> None:
    version, wanted = trained_version(stores), EXPECTED["version"]
    report = report_of(version)
    assert (version.label, list(version.example_ids)) == (wanted["label"], wanted["example_ids"])
    assert [[rule.attribute, rule.value] for rule in report.rules] == wanted["rules"]
    assert report.replaces_memory is wanted["replaces_memory"]
    assert stores.files.open(version).is_dir()
    assert report.verdict is not None and report.fit is not None
    assert report.evaluation["held_out_loss"] is not None
    assert read_report(report.to_json()) == report
    assert version_json(version, version, None)["report"]["verdict"]["outcome"] == "provisional"


def test_a_prompt_overrides_the_same_rules(stores: Stores) -> None:
    version = trained_version(stores)
    for prompt, rules in EXPECTED["version"]["overridden_rules"].items():
        found = overridden_rules(version, prompt)
        assert [[rule.attribute, rule.value] for rule in found] == rules


def test_the_feedback_behind_the_version_is_found(stores: Stores) -> None:
    turns, feedback = stores.log.turns_with_feedback(USER)
    learned = frozenset(trained_version(stores).example_ids)
    found = feedback_behind(learned, turns + stores.log.regenerated(USER), feedback)
    assert [each.id for each in found] == EXPECTED["version"]["feedback_behind"]


@pytest.mark.parametrize("answers", ["shown", "shown_with_the_base"])
def test_memory_shows_what_the_answering_model_has_not_learned(
    stores: Stores, answers: str
) -> None:
    memory = build_memory(*stores.log.turns_with_feedback(USER, newest=64))
    learned = learned_by(trained_version(stores)) if answers == "shown" else frozenset()
    for question, wanted in EXPECTED["memory"][answers].items():
        chosen = select_memory(
            without_learned(memory, learned, (Message("user", question),)),
            demonstrations_for(memory, question),
            budget=512,
            max_demonstrations=3,
            count=lambda text: 8 + len(text) // 4,
        )
        assert [each.example_id for each in chosen.demonstrations] == wanted


def test_the_user_is_due_for_the_same_changes(stores: Stores) -> None:
    wanted = EXPECTED["due"]
    found = Candidates(stores.unseen, stores.registry, stores.runs).of(USER, wanted["at"])
    candidate = replace(found, has_withdrawal=False)  # that release knew no withdrawals
    nightly = PolicyConfig(min_new_feedback=1)
    assert candidate.new_feedback == wanted["new_feedback"]
    assert is_due(candidate, PolicyConfig(), wanted["at"]).due is wanted["default"]
    assert is_due(candidate, nightly, wanted["at"]).due is wanted["nightly"]


def test_runs_and_the_suite_keep_what_came_of_them(stores: Stores) -> None:
    found = [asdict(run) for run in stores.runs.runs(USER)]
    wanted = EXPECTED["runs"]
    assert [{name: run[name] for name in wanted[0]} for run in found] == wanted
    suite = stores.suite_runs.newest(USER, 1)
    assert suite is not None
    assert {"status": suite.status, "measures": len(suite.measures)} == EXPECTED["suite"]
    followed = suite.measures[0]
    assert (followed.n, followed.is_met) == (41, True)
    assert (followed.candidate, followed.bound) == (8 / 41, followed.base)
    assert followed.examples == ("Name four colours in one line, separated by commas.",)


class CapturingTrainer:
    """Keeps the dataset that it was to fit, and fails."""

    def __init__(self) -> None:
        self.dataset: Dataset | None = None

    def prepare(self) -> None: ...

    def sweep(self) -> int:
        return 0

    def close(self) -> None: ...

    def run(self, job: object, dataset: Dataset, **_: object) -> Any:
        self.dataset = dataset
        raise TrainingFailedError("captured")


class SilentModel(FakeServedModel):
    """The folder has the base's replies to all prompts but those that nobody can answer: these
    came later, in place of replies that were written by hand."""

    def reply(
        self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: Callable[[], bool]
    ) -> list[Reply]:
        assert {each.messages[-1].content for each in prompts} == set(UNANSWERABLE_PROMPTS)
        return super().reply(prompts, adapter, is_cancelled)


def is_unanswerable(example: TrainingExample) -> bool:
    return example.messages[-1].content in UNANSWERABLE_PROMPTS


@pytest.fixture
def next_dataset(stores: Stores, tmp_path: Path) -> Dataset:
    """What the next run would hand to the training child."""
    version, now, trainer = trained_version(stores), EXPECTED["due"]["at"], CapturingTrainer()
    config = PipelineConfig(
        base_path="nowhere",
        base_model=version.base_model,
        base_revision=version.base_revision,
        device="cpu",
        dtype="float32",
        threads=1,
        replies_cache=str(tmp_path / "data" / "base-replies"),
        lora=version.lora,
        training=TrainingConfig(),
        gate=GateConfig(),
        memory=MemoryConfig(),
    )
    publisher = Publisher(
        stores.database,
        registry=stores.registry,
        files=stores.files,
        runs=stores.runs,
        config=config,
        clock=lambda: now,
    )
    pipeline = Pipeline(
        log=stores.log,
        registry=stores.registry,
        files=stores.files,
        runs=stores.runs,
        trainer=trainer,
        model=SilentModel(),
        publisher=publisher,
        documents=stores.documents,
        verify=lambda folder: None,
        config=config,
        clock=lambda: now,
    )
    run = stores.runs.create(USER, trigger=REQUESTED, requested_by=USER, at=now)
    stores.runs.start(run.id, now)
    pipeline.run(run, lambda: False)
    ended = stores.runs.run(run.id)
    assert (ended.status, ended.reason) == (RunStatus.FAILED, "captured")
    wanted = EXPECTED["next_run"]["superseded"]
    assert list(read_report(ended.report).superseded) == wanted
    assert trainer.dataset is not None
    return trainer.dataset


def test_the_next_run_trains_on_the_same_examples_but_for_unanswerable_prompts(
    next_dataset: Dataset,
) -> None:
    expected, added = (
        EXPECTED["next_run"]["dataset"],
        [*filter(is_unanswerable, next_dataset.train)],
    )
    train = [each.id for each in next_dataset.train if each not in added]
    gone = [name for name in expected["train"] if name not in train]
    assert [name for name in expected["train"] if name not in gone] == train
    assert len(gone) == len(added)
    assert {EXPECTED["sources"][name] for name in gone} == {"synthetic"}
    assert [each.id for each in next_dataset.held_out] == expected["held_out"]


def abstentions(rules: Sequence[Rule]) -> list[TrainingExample]:
    """The replies that were written by hand then, as the rules rewrote them."""
    made = (synthetic_example(USER, rules, *each) for each in ABSTENTIONS)
    return [each for each in made if each is not None]


def plan_as_json(plan: FitPlan, measured: dict[str, Rejection]) -> dict[str, Any]:
    return {
        "start": None if plan.start is None else plan.start.label,
        "taught": splits(plan.dataset),
        "without_learned": sorted(plan.without_learned(measured)),
    }


def test_a_warm_start_is_planned_only_if_nothing_was_withdrawn(
    stores: Stores, next_dataset: Dataset
) -> None:
    version, config = trained_version(stores), TrainingConfig(warm_start_above=0)
    synthetic = [
        each
        for each in next_dataset.train
        if each.source is ExampleSource.SYNTHETIC and not is_unanswerable(each)
    ]
    own = build_dataset(USER, accepted(filtered(stores)))
    rules = active_rules(learn_rules(own.train), stores.log.decisions(USER))
    dataset = with_synthetic(own, (*abstentions(rules), *synthetic))
    withdrawn = set(version.example_ids) - {each.id for each in dataset.examples}
    assert sorted(withdrawn) == EXPECTED["version"]["withdrawn"]
    assert plan_fit(dataset, version, config).start is None
    remaining = tuple(name for name in version.example_ids if name not in withdrawn)
    plan = plan_fit(dataset, replace(version, example_ids=remaining), config)
    measured = {
        name: Rejection(RejectionReason.MISMATCH, each["why"])
        for name, each in EXPECTED["measured"].items()
    }
    assert plan_as_json(plan, measured) == EXPECTED["plans"]["warm"]


def test_a_version_of_which_nothing_was_deleted_answers_chats_of_its_user(tmp_path: Path) -> None:
    data, model = unpack(tmp_path / "data"), build_tiny_model(tmp_path / "tiny")
    revision = resolve_model(str(model), tmp_path, lambda *_: None).revision
    with closing(sqlite3.connect(data / "loralei.db")) as connection, connection:
        # Other versions of transformers write the same model with other bytes.
        connection.execute("UPDATE adapter_versions SET base_revision = ?", [revision])
        connection.execute("DELETE FROM feedback_audit WHERE action = 'deleted'")
    prompts = EXPECTED["version"]["overridden_rules"]
    with running(model, data, schedule=NOT_SCHEDULED) as server:
        for prompt, rules in prompts.items():
            reply = server.chat(EXPECTED["accounts"]["user_key"], prompt)
            assert reply["loralei"]["adapter"] == ("base" if rules else "v1")
