"""The scheduler's generation requests, on a real engine."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.files import WEIGHTS_FILE, AdapterFiles
from feedback.records import Demonstration, Memory, Message
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.records import MemoryConfig
from scheduler.served_model import Adapter, Prompt, Reply, user_prompt
from server.background.engine_client import Request, ask_all
from server.background.engine_served_model import EngineServedModel
from server.background.instruction_probe import InstructionProbe
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.model.runner import SavedPrefix
from server.engine.records import SamplingParams
from tests.adapters import LORA, publish_random_adapter
from tests.server.engine.running import replies, running_engine
from tests.tiny_model import (
    CHAT_TEMPLATE,
    OPENED_TEMPLATE,
    THINKING_TEMPLATE,
    build_thinking_model,
)

REPLIES = [
    Reply((Message("user", "Which?"),), text, is_truncated)
    for text in ("this one", "that one, rather", "é")
    for is_truncated in (True, False)
]
PROMPTS = [f"question {i}" for i in range(5)]
GREEDY = SamplingParams(temperature=0, max_tokens=8)
NO_FOLDER = Path("/nonexistent")  # where the probe would keep its answer
MEMORY = Memory((Demonstration("id", "a question", "its answer", True, 0.0),))


@pytest.fixture
def files(tmp_path: Path) -> AdapterFiles:
    return AdapterFiles(tmp_path / "adapters")


@pytest.fixture
def engine(tiny_model_folder: Path, files: AdapterFiles) -> Iterator[LocalEngine]:
    with running_engine(tiny_model_folder, files, EngineConfig(max_batch_size=4)) as engine:
        yield engine


@pytest.fixture
def model(engine: LocalEngine, files: AdapterFiles) -> EngineServedModel:
    return served(engine, files)


def served(engine: LocalEngine, files: AdapterFiles) -> EngineServedModel:
    probe = InstructionProbe(engine, NO_FOLDER)
    return EngineServedModel(engine, files, MemoryConfig(tokens=64, demonstrations=1), probe)


def never() -> bool:
    return False


def texts(model: EngineServedModel, adapter: Adapter = None) -> list[str]:
    found = model.reply([user_prompt(each, 8) for each in PROMPTS], adapter, never)
    return [each.text for each in found]


def remembering(model: EngineServedModel) -> list[Prompt]:
    return [Prompt(model.remember([Message("user", each)], MEMORY), 8) for each in PROMPTS]


def test_the_base_replies_as_to_anybody(engine: LocalEngine, model: EngineServedModel) -> None:
    assert texts(model) == replies(engine, [(prompt, GREEDY, None) for prompt in PROMPTS])


@pytest.mark.parametrize(
    "template",
    [THINKING_TEMPLATE, OPENED_TEMPLATE, CHAT_TEMPLATE],
    ids=["switched off", "closed", "cut off"],
)
def test_replies_of_a_model_that_thinks_have_no_reasoning(
    tmp_path: Path, files: AdapterFiles, template: str
) -> None:
    folder = build_thinking_model(tmp_path / "thinking", chat_template=template)
    with running_engine(folder, files) as engine:
        prompts = [user_prompt("hi", 20), user_prompt("hi", 2)]
        whole, cut = served(engine, files).reply(prompts, None, never)
    assert (whole.text, whole.is_truncated) == ("Ok.", False)
    assert cut.is_truncated


def test_memory_stands_before_the_prompt(engine: LocalEngine, model: EngineServedModel) -> None:
    shown = (Message("user", "a question"), Message("assistant", "its answer"))
    asked = remembering(model)
    assert asked[0].messages == (*shown, Message("user", PROMPTS[0]))
    requests = [Request(tuple(engine.render(each.messages)), GREEDY) for each in asked]
    expected = [each.text for each in ask_all(engine, requests, None, never)]
    assert [each.text for each in model.reply(asked, None, never)] == expected


def test_memory_is_prefilled_once(
    tiny_model_folder: Path, files: AdapterFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = EngineConfig(max_batch_size=4, prefix_block=8)
    with running_engine(tiny_model_folder, files, config) as engine:
        find, reused = engine.prefixes.longest, []

        def longest(
            adapter: str | None, prompt: Sequence[int], *, is_resumed: bool
        ) -> tuple[SavedPrefix, int] | None:
            found = find(adapter, prompt, is_resumed=is_resumed)
            reused.append(found[1] if found else 0)
            return found

        monkeypatch.setattr(engine.prefixes, "longest", longest)
        model = served(engine, files)
        asked = remembering(model)
        model.reply(asked, None, never)
        shown = asked[0].messages
        demonstration = len(engine.render(shown)) - len(engine.render([shown[-1]]))
    assert len(reused) == 1 + len(PROMPTS)
    assert min(reused[1:]) >= demonstration - demonstration % 8 > 0


@pytest.mark.parametrize("follows", [True, False])
def test_notes_are_remembered_if_the_base_follows_instructions(
    model: EngineServedModel, monkeypatch: pytest.MonkeyPatch, follows: bool
) -> None:
    monkeypatch.setattr(InstructionProbe, "follows_instructions", lambda probe: follows)
    chat = [Message("user", "Why?")]
    noted = "Why?\n\nBe brief." if follows else "Why?"
    assert model.remember(chat, Memory(notes=("Be brief.",))) == (Message("user", noted),)


def test_a_reply_fits_if_it_leaves_room_for_memory(
    engine: LocalEngine, model: EngineServedModel
) -> None:
    chat = (Message("user", "Why?"),)
    assert model.fits(Reply(chat, "So."))
    long = Reply(chat, "word " * engine.context_length)
    assert not model.fits(long)
    # What fits can be scored with memory in its prompt.
    most = next(n for n in range(engine.context_length, 0, -1) if model.fits(Reply(chat, "a " * n)))
    [scored] = model.score([Reply(model.remember(chat, MEMORY), "a " * most)], None, never)
    assert scored


def test_a_staged_adapter_replies_as_its_version_will(
    engine: LocalEngine, files: AdapterFiles, model: EngineServedModel
) -> None:
    version = publish_random_adapter(files, engine.shapes, 1)
    staged = files.stage()
    shutil.copytree(files.open(version), staged, dirs_exist_ok=True)
    found = texts(model, staged)
    assert found == texts(model, version)
    assert found == replies(engine, [(prompt, GREEDY, version) for prompt in PROMPTS])
    assert found != texts(model)


def test_a_cancelled_run_asks_nothing_more(engine: LocalEngine, model: EngineServedModel) -> None:
    with pytest.raises(TrainingCancelledError):
        model.reply([user_prompt("hi", 8)], None, lambda: True)
    assert not engine.is_busy


def test_a_run_can_be_cancelled_before_the_first_token(
    tiny_base: BaseModel, files: AdapterFiles
) -> None:
    unstarted = LocalEngine(tiny_base, LORA, files, EngineConfig(max_batch_size=4))
    asked: list[bool] = []

    def is_cancelled() -> bool:
        asked.append(True)
        return len(asked) > 1

    with pytest.raises(TrainingCancelledError):
        served(unstarted, files).reply([user_prompt("hi", 8)], None, is_cancelled)


def test_an_adapter_that_cannot_be_loaded_fails_the_run(
    files: AdapterFiles, model: EngineServedModel
) -> None:
    staged = files.stage()
    (staged / WEIGHTS_FILE).write_bytes(b"not weights")
    with pytest.raises(TrainingFailedError, match="could not be tried"):
        texts(model, staged)


def test_only_a_staged_folder_is_accepted(
    engine: LocalEngine, files: AdapterFiles, model: EngineServedModel
) -> None:
    published = files.open(publish_random_adapter(files, engine.shapes, 1))
    with pytest.raises(ValueError, match="not a staged folder"):
        texts(model, published)


def test_a_prompt_with_a_seed_is_drawn_and_one_without_is_not(
    engine: LocalEngine, model: EngineServedModel
) -> None:
    asked = [replace(user_prompt("question", 8), seed=seed) for seed in (None, 1, 1, 2)]
    greedy, one, again, two = model.reply(asked, None, never)
    assert [greedy.text] == replies(engine, [("question", GREEDY, None)])
    assert one == again != two
    assert greedy.is_truncated


@torch.inference_mode()
def test_a_score_is_the_models_own_log_probability(
    engine: LocalEngine, model: EngineServedModel
) -> None:
    scored = model.score(REPLIES, None, never, num_top=3)
    for reply, tokens in zip(REPLIES, scored, strict=True):
        prompt, renderer = engine.render(reply.messages), engine.renderer
        ids = (
            renderer.text_ids(reply.text) if reply.is_truncated else renderer.reply_ids(reply.text)
        )
        logits = engine.base.model(torch.tensor([[*prompt, *ids]])).logits[0]
        log_probs = torch.log_softmax(logits, dim=-1)[len(prompt) - 1 : -1]
        assert [each.id for each in tokens] == ids
        expected = log_probs[torch.arange(len(ids)), ids]
        assert [each.log_prob for each in tokens] == pytest.approx(expected.tolist(), abs=1e-4)
        likeliest = log_probs.topk(3, dim=-1).indices.tolist()
        assert [[token for token, _ in each.top] for each in tokens] == likeliest


def test_an_adapter_scores_otherwise(
    engine: LocalEngine, files: AdapterFiles, model: EngineServedModel
) -> None:
    version = publish_random_adapter(files, engine.shapes, 1)
    assert model.score(REPLIES, version, never) != model.score(REPLIES, None, never)


def test_scores_do_not_depend_on_their_company(model: EngineServedModel) -> None:
    together = model.score(REPLIES, None, never, num_top=5)
    assert together == [model.score([each], None, never, num_top=5)[0] for each in REPLIES]


def test_lines_are_continued_with_a_seed(model: EngineServedModel) -> None:
    lists = ["1. one\n2.", "1. two\n2."]
    found = model.continue_lines(lists, 12, 0, never)
    assert found == model.continue_lines(lists, 12, 0, never)
    assert found != model.continue_lines(lists, 12, 7, never)
    assert not any("\n" in each for each in found)
