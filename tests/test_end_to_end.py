"""The story on the smallest built-in model, over HTTP: corrections change one user's model only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loop import Loop
from tests.server.live import running

TAUGHT = (
    "Give me one tip for a good night's sleep.",
    "Why is the sky blue? Answer in one sentence.",
    "Suggest a quick lunch.",
    "What does a librarian do?",
    "Name a famous bridge.",
)
UNSEEN = (
    "Give me one tip for saving money.",
    "Suggest a hobby for rainy days.",
    "What does a gardener do?",
    "Name a famous tower.",
)


@pytest.fixture
def loop(tmp_path: Path, smallest_model_folder: Path) -> Iterator[Loop]:
    options = {
        "schedule": {"interval": 0, "nightly": ""},
        "training": {"rounds": 1, "probe_prompts": 4},  # one fit and few probes, to save time
        "threads": 2,
    }
    with running(smallest_model_folder, tmp_path / "data", **options) as server:
        yield Loop(server, smallest_model_folder.name, max_tokens=32)


@pytest.mark.real_model
@pytest.mark.timeout(900)
def test_five_corrections_change_their_users_answers_and_nobody_elses(loop: Loop) -> None:
    learner, other = loop.server.new_person(), loop.server.new_person()
    before = [loop.text(other, question) for question in UNSEEN]
    assert not any(text == text.lower() for text in before)
    for question in TAUGHT:
        loop.correct(learner, question)

    run = loop.retrain(learner)
    assert run["status"] == "promoted", run["reason"]
    assert run["report"]["verdict"]["outcome"] == "provisional"
    assert 0.001 < run["usage"]["trainable_share"] < 0.02

    after = [loop.ask(learner, question) for question in UNSEEN]
    assert {reply["loralei"]["adapter"] for reply in after} == {"v1"}
    texts = [reply["choices"][0]["message"]["content"] for reply in after]
    assert sum(text == text.lower() for text in texts) >= 3, texts
    assert [loop.text(other, question) for question in UNSEEN] == before

    with loop.server.admin() as admin:
        admin.post(f"/v1/admin/adapters/{learner.id}/rollback").raise_for_status()
    assert [loop.text(learner, question) for question in UNSEEN] == before
