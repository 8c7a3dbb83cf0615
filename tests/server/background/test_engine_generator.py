"""The scheduler's generation requests, on a real engine."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from adapters_store.files import WEIGHTS_FILE, AdapterFiles
from feedback.memory.demonstrations import with_memory
from feedback.records import Demonstration, Memory, Message
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.evaluation.suite.records import AnswerChoice, SuitePrompt
from scheduler.records import MemoryConfig
from server.background.engine_client import Request, ask_all
from server.background.engine_generator import EngineGenerator, EngineModelUnderTest
from server.engine.engine import Engine, EngineConfig
from server.engine.model.runner import SavedPrefix
from server.engine.records import SamplingParams
from tests.adapters import publish_random_adapter
from tests.server.engine.running import replies, running_engine
from tests.tiny_model import (
    CHAT_TEMPLATE,
    OPENED_TEMPLATE,
    THINKING_TEMPLATE,
    build_thinking_model,
)

CHOICES = [AnswerChoice("Which?", answer) for answer in ("this one", "that one, rather", "é")]
PROMPTS = [f"question {i}" for i in range(5)]
GREEDY = SamplingParams(temperature=0, max_tokens=8)


@pytest.fixture
def files(tmp_path: Path) -> AdapterFiles:
    return AdapterFiles(tmp_path / "adapters")


@pytest.fixture
def engine(tiny_model_folder: Path, files: AdapterFiles) -> Iterator[Engine]:
    with running_engine(tiny_model_folder, files, EngineConfig(max_batch_size=4)) as engine:
        yield engine


@pytest.fixture
def reply(engine: Engine, files: AdapterFiles) -> EngineGenerator:
    return EngineGenerator(engine, files, MemoryConfig(tokens=64, demonstrations=1))


def never() -> bool:
    return False


def test_the_base_replies_as_to_anybody(engine: Engine, reply: EngineGenerator) -> None:
    expected = replies(engine, [(prompt, GREEDY, None) for prompt in PROMPTS])
    assert reply(PROMPTS, None, 8, never) == expected


@pytest.mark.parametrize(
    "template",
    [THINKING_TEMPLATE, OPENED_TEMPLATE, CHAT_TEMPLATE],
    ids=["switched off", "closed", "cut off"],
)
def test_replies_of_a_model_that_thinks_have_no_reasoning(
    tmp_path: Path, files: AdapterFiles, template: str
) -> None:
    model = build_thinking_model(tmp_path / "thinking", chat_template=template)
    with running_engine(model, files) as engine:
        generate = EngineGenerator(engine, files, MemoryConfig(tokens=64, demonstrations=1))
        assert generate(["hi"], None, 20, never) == ["Ok."]
        prompts = [SuitePrompt("hi", max_tokens=20), SuitePrompt("hi", max_tokens=2)]
        whole, cut = EngineModelUnderTest(engine).replies(prompts, None, never)
    assert (whole.text, whole.is_truncated) == ("Ok.", False)
    assert cut.is_truncated


def test_memory_stands_before_each_prompt(engine: Engine, reply: EngineGenerator) -> None:
    exchange = (Message("user", "a"), Message("assistant", "b"))
    memory = Memory((Demonstration("id", "a", "b", True, 0.0),))
    params = SamplingParams(temperature=0, max_tokens=8)
    ids = [tuple(engine.render((*exchange, Message("user", prompt)))) for prompt in PROMPTS]
    expected = ask_all(engine, [Request(each, params) for each in ids], None, never)
    assert reply(PROMPTS, None, 8, never, memory) == [each.text for each in expected]


def test_memory_is_prefilled_once(
    tiny_model_folder: Path, files: AdapterFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory((Demonstration("id", "a question", "its answer", True, 0.0),))
    config = EngineConfig(max_batch_size=4, prefix_block=8)
    with running_engine(tiny_model_folder, files, config) as engine:
        find, reused = engine.prefixes.longest, []

        def longest(adapter: str | None, prompt: Sequence[int]) -> tuple[SavedPrefix, int] | None:
            found = find(adapter, prompt)
            reused.append(found[1] if found else 0)
            return found

        monkeypatch.setattr(engine.prefixes, "longest", longest)
        reply = EngineGenerator(engine, files, MemoryConfig(tokens=64, demonstrations=1))
        reply(PROMPTS, None, 8, never, memory)
        shown = with_memory([Message("user", PROMPTS[0])], memory)
        demonstration = len(engine.render(shown)) - len(engine.render([shown[-1]]))
    assert len(reused) == 1 + len(PROMPTS)
    assert min(reused[1:]) >= demonstration - demonstration % 8 > 0


def test_a_staged_adapter_replies_as_its_version_will(
    engine: Engine, files: AdapterFiles, reply: EngineGenerator
) -> None:
    version = publish_random_adapter(files, engine.shapes, 1)
    staged = files.stage()
    shutil.copytree(files.open(version), staged, dirs_exist_ok=True)
    found = reply(PROMPTS, staged, 8, never)
    assert found == replies(engine, [(prompt, GREEDY, version) for prompt in PROMPTS])
    assert found != reply(PROMPTS, None, 8, never)


def test_a_cancelled_run_asks_nothing_more(engine: Engine, reply: EngineGenerator) -> None:
    with pytest.raises(TrainingCancelledError):
        reply(PROMPTS, None, 8, lambda: True)
    assert not engine.is_busy


def test_an_adapter_that_cannot_be_loaded_fails_the_run(
    files: AdapterFiles, reply: EngineGenerator
) -> None:
    staged = files.stage()
    (staged / WEIGHTS_FILE).write_bytes(b"not weights")
    with pytest.raises(TrainingFailedError, match="could not be tried"):
        reply(PROMPTS, staged, 8, never)


def test_only_a_staged_folder_is_accepted(
    engine: Engine, files: AdapterFiles, reply: EngineGenerator
) -> None:
    published = files.open(publish_random_adapter(files, engine.shapes, 1))
    with pytest.raises(ValueError, match="not a staged folder"):
        reply(PROMPTS, published, 8, never)


def test_a_prompt_with_a_seed_is_drawn_and_one_without_is_not(engine: Engine) -> None:
    asked = [SuitePrompt("question", 8), *(SuitePrompt("question", 8, seed) for seed in (1, 1, 2))]
    greedy, one, again, two = EngineModelUnderTest(engine).replies(asked, None, never)
    assert [greedy.text] == replies(engine, [("question", GREEDY, None)])
    assert one == again != two
    assert greedy.is_truncated


@torch.inference_mode()
def test_the_likelihood_of_an_answer_is_the_models_own(engine: Engine) -> None:
    found = EngineModelUnderTest(engine).likelihoods(CHOICES, None, never)
    for choice, likelihood in zip(CHOICES, found, strict=True):
        prompt = engine.render([Message("user", choice.question)])
        answer = engine.base.renderer.text_ids(choice.answer)
        logits = engine.base.model(torch.tensor([[*prompt, *answer]])).logits[0]
        logprobs = torch.log_softmax(logits, dim=-1)[len(prompt) - 1 : -1]
        expected = logprobs[torch.arange(len(answer)), answer].mean()
        assert likelihood == pytest.approx(expected.item(), abs=1e-4)


def test_an_adapter_finds_other_answers_likely(engine: Engine, files: AdapterFiles) -> None:
    version = publish_random_adapter(files, engine.shapes, 1)
    ask = EngineModelUnderTest(engine)
    assert ask.likelihoods(CHOICES, version, never) != ask.likelihoods(CHOICES, None, never)
