"""The benchmarks of learning from end to end, on a tiny model whose replies are noise."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from rich.console import Console
from rich.progress import Progress
from safetensors.torch import save_file

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.peft_config import write_peft_config
from server.cli.peft.folder import read_peft_folder
from server.client import Client
from tests.adapters import random_adapter
from tests.benchmarks.forgetting.ifeval import Task
from tests.benchmarks.forgetting.measure import Forgetting, score_answers
from tests.benchmarks.forgetting.results import BASE, ForgettingResults, Learned, Learner
from tests.benchmarks.forgetting.truthfulqa import Question
from tests.benchmarks.gate.calibrate import Calibrating
from tests.benchmarks.gate.exchanges import Exchanges
from tests.benchmarks.gate.plan import GateResults, Piece
from tests.benchmarks.learning.personas import BY_NAME
from tests.benchmarks.learning.plan import base_key
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, Prompt
from tests.benchmarks.learning.results import Arm, Measurement, Results, Run
from tests.benchmarks.learning.server import download_adapter
from tests.benchmarks.pooled.measure import Pooling
from tests.benchmarks.pooled.plan import EVERYBODY, PooledPlan
from tests.benchmarks.real_users.measure import Measuring as MeasuringUsers
from tests.benchmarks.real_users.results import Results as RealUserResults
from tests.benchmarks.real_users.results import Situation
from tests.benchmarks.real_users.user import read_users
from tests.benchmarks.retention.measure import MeasuringRetention
from tests.benchmarks.retention.plan import RetentionPlan, chain
from tests.benchmarks.writers.measure import TrainingWriters
from tests.benchmarks.writers.results import WritersResults
from tests.benchmarks.writers.rows import Row
from tests.benchmarks.writers.users import writers
from tests.scheduler.trainer.jobs import TrainerHere
from tests.server.live import LiveServer, running

PROMPTS = [Prompt(f"task-{n}", f"Count to {n}.") for n in range(6)]


@pytest.fixture(scope="module")
def server(
    tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    options = {
        "schedule": {"interval": 0, "nightly": ""},
        "training": {"max_steps": 1, "min_passes": 1},
        "threads": 1,
    }
    folder = tmp_path_factory.mktemp("flows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.runtime.ProcessTrainer", TrainerHere)
        with running(tiny_model_folder, folder, **options) as server:
            yield server


@pytest.fixture
def bar() -> Progress:
    return Progress(console=Console(quiet=True))


def test_a_user_who_was_trained_at_night_is_measured_before_and_after(
    server: LiveServer, bar: Progress, tmp_path: Path
) -> None:
    user = read_users()[0]
    results = RealUserResults(tmp_path / "users.jsonl")
    plain = [Situation.PLAIN]
    measuring = MeasuringUsers(
        server.url, server.admin_key, results, bar, points=[1], trains=True, situations=plain
    )
    with closing(measuring), closing(Client(server.url, server.admin_key)) as admin:
        key = measuring.evening(user, 1)
        assert [each.key.arm for each in results] == [Arm.BASE, Arm.MEMORY]
        assert measuring.missing(user, 1)
        admin.train(f"{user.name}-1")
        measuring.morning(user, 1, key)
        *_, both = results
        assert (both.key.arm, both.run and both.run.status) == (Arm.BOTH, "refused")
        assert not measuring.missing(user, 1)


def test_imported_feedback_is_trained_on_and_its_result_is_stored(
    server: LiveServer, bar: Progress, tmp_path: Path
) -> None:
    results = GateResults(tmp_path / "gate.jsonl")
    known = Exchanges(tmp_path / "gate-replies.jsonl")
    piece = Piece("random choices", 0, 4)  # noise, which the filters reject before any fit
    Calibrating(server.url, server.admin_key, PROMPTS, known, bar).run([piece], results)

    [one] = GateResults(tmp_path / "gate.jsonl")
    assert one.piece == piece and one.run.num_feedback == 4
    assert one.run.status in ("promoted", "refused")
    assert "curation" in one.run.report
    assert len(list(Exchanges(tmp_path / "gate-replies.jsonl"))) == len(PROMPTS)


def test_a_persona_without_a_result_is_trained_and_the_pooled_account_is_not_trained_again(
    server: LiveServer, bar: Progress, tmp_path: Path
) -> None:
    write_prompts(tmp_path)
    plan = PooledPlan((BY_NAME["lower"],), corrections=1)
    results = Results(tmp_path / "pooled.jsonl")
    pooled = Measurement(plan.key(EVERYBODY, 0), (), Run("promoted", "", 1.0, 1), "2026-01-31")
    results.append([pooled])
    Pooling(plan, server.url, server.admin_key, results, bar).run(tmp_path)

    finished = list(Results(tmp_path / "pooled.jsonl"))
    assert [each.key for each in finished] == [pooled.key, base_key(0), plan.key("lower", 0)]
    assert finished[-1].run is not None and finished[-1].run.num_feedback == 1
    Pooling(plan, "http://nobody.invalid", "", results, bar).run(tmp_path)
    assert list(results) == finished


def test_a_chain_is_measured_after_each_wish_and_a_finished_chain_is_not_measured_again(
    server: LiveServer, bar: Progress, tmp_path: Path
) -> None:
    write_prompts(tmp_path)
    two = chain("upper", "no-commas")
    plan = RetentionPlan((two,), corrections=1)
    results = Results(tmp_path / "retention.jsonl")
    MeasuringRetention(plan, server.url, server.admin_key, results, bar).run(tmp_path)

    finished = list(Results(tmp_path / "retention.jsonl"))
    assert [each.key for each in finished] == [
        base_key(0),
        plan.key(two, 0, 1),
        plan.key(two, 0, 2),
    ]
    assert [each.run.num_feedback for each in finished if each.run] == [1, 2]
    MeasuringRetention(plan, "http://nobody.invalid", "", results, bar).run(tmp_path)
    assert list(results) == finished


def write_prompts(folder: Path) -> None:
    """Files in the format of the public data, with our own prompts."""
    tasks = [
        {"id": each.id, "instruction": each.text, "instances": [{"input": ""}]} for each in PROMPTS
    ]
    for file in (TAUGHT, UNSEEN):
        (folder / file).write_text("\n".join(map(json.dumps, tasks)), encoding="utf-8")


def test_a_stored_adapter_and_the_base_reply_and_score_answers(
    server: LiveServer, bar: Progress, tmp_path: Path, tiny_base: BaseModel
) -> None:
    results, learner = ForgettingResults(tmp_path), Learner("lower", 1)
    results.learned.append([Learned(learner, Run("promoted", "", 1.0, 1))])
    save_peft_folder(server, results.adapter(learner))
    tasks = [Task(prompt, (), ()) for prompt in PROMPTS]
    with closing(Forgetting(server.url, server.admin_key, results, bar)) as forgetting:
        forgetting.learn([learner], [])
        forgetting.ask([learner], tasks, max_tokens=8)
    pool = AdapterPool(tiny_base.model, server.services.runtime.lora, 2, dtype=torch.float32)
    question = Question("q1", "What is snow?", ("Frozen water.", "Salt"), 0)
    score_answers(tiny_base, pool, [learner], [question], results, bar)

    again = ForgettingResults(tmp_path)
    replies = {
        who: [each.reply.text for each in again.written if each.who == who]
        for who in (BASE, learner.name)
    }
    assert len(replies[BASE]) == len(PROMPTS) and replies[BASE] != replies[learner.name]
    scored = {each.who: each.log_probs for each in again.scored}
    assert len(scored) == 2 and scored[BASE] != scored[learner.name]


def test_a_writer_is_trained_on_imported_corrections(
    server: LiveServer, bar: Progress, tmp_path: Path
) -> None:
    row = Row("lamp-0", "Tell a tale.", "It rained.", ("Rain fell.", "Rain.", "Wet."))
    results = WritersResults(tmp_path, "tiny")
    [first, *_] = writers([row])
    TrainingWriters(server.url, server.admin_key, results, bar).run([first], [row])

    [trained] = WritersResults(tmp_path, "tiny").trained
    assert trained.user == first.name and trained.run.num_feedback == 1
    assert trained.run.status in ("promoted", "refused")
    assert results.adapter(first.name).exists() == results.is_promoted(first.name)


def test_a_downloaded_adapter_is_the_users_first_version(
    server: LiveServer, tmp_path: Path
) -> None:
    save_peft_folder(server, tmp_path / "made")
    person = server.new_person()
    weights, headers = read_peft_folder(tmp_path / "made")
    with server.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions"
        admin.post(path, content=weights, headers=headers).raise_for_status()
        download_adapter(admin, person.id, tmp_path / "downloaded")
    assert read_peft_folder(tmp_path / "downloaded")[0] == weights


def save_peft_folder(server: LiveServer, folder: Path) -> None:
    """A random adapter that fits the server's base."""
    runtime = server.services.runtime
    folder.mkdir(parents=True)
    tensors = random_adapter(runtime.engine.shapes, 0, rank=runtime.lora.rank)
    save_file(tensors, folder / "adapter_model.safetensors")
    write_peft_config(
        folder,
        lora=runtime.lora,
        base_model=runtime.model.name,
        base_revision=runtime.model.revision,
        targets=sorted({path.rpartition(".")[2] for path in runtime.engine.shapes}),
    )
