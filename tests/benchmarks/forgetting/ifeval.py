"""IFEval (Zhou et al. 2023, arXiv 2311.07911): prompts whose instructions a program can check.

The checks are lm-eval's. Only their files of that package are loaded: the rest has many
dependencies that the checks do not need.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from sys import modules
from types import ModuleType
from typing import Any
from unittest.mock import patch

from tests.benchmarks.learning.prompts import Prompt

FILE = "ifeval.jsonl"
INSTALL = (
    "The checks of IFEval need: pip install --no-deps lm-eval==0.4.13 langdetect==1.0.9"
    " immutabledict==4.3.1 nltk==3.10.4 joblib==1.6.0 six==1.17.0"
)

_PACKAGE = "lm_eval.tasks.ifeval"


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt and its instructions, each with its arguments."""

    prompt: Prompt
    instructions: tuple[str, ...]
    arguments: tuple[Mapping[str, Any], ...]


Check = Callable[[Task, str], bool]
"""Whether a reply follows every instruction to the letter: prompt-level strict accuracy."""


def read_tasks(file: Path) -> list[Task]:
    """The tasks of `input_data.jsonl` of google-research's `instruction_following_eval`."""
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        Task(
            Prompt(f"ifeval-{row['key']}", row["prompt"]),
            tuple(row["instruction_id_list"]),
            tuple(row["kwargs"]),
        )
        for row in rows
    ]


def load_check() -> Check:
    """The strict check. Raises `ImportError` if a package is missing.

    nltk's data is not on any package index, so it is not used. Sentences are counted by the pattern
    that comes with the checks. Words are split without splitting sentences first, which finds the
    same capital words.
    """
    nltk: Any = import_module("nltk")
    import_module("langdetect").DetectorFactory.seed = 0  # else it guesses anew each time
    _add_packages()
    with patch.object(nltk.data, "find"):  # it would be downloaded
        util: Any = import_module(f"{_PACKAGE}.instructions_util")
    util.count_sentences = lambda text: len(util.split_into_sentences(text))
    nltk.word_tokenize = partial(nltk.word_tokenize, preserve_line=True)
    utils = import_module(f"{_PACKAGE}.utils")

    def check(task: Task, reply: str) -> bool:
        example = utils.InputExample(
            task.prompt.id, list(task.instructions), task.prompt.text, list(task.arguments)
        )
        return bool(utils.test_instruction_following_strict(example, reply).follow_all_instructions)

    return check


def _add_packages() -> None:
    """Make the checks' modules importable without running their parent packages."""
    found = find_spec("lm_eval")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'lm_eval'")
    folder = Path(found.origin).parent
    names: Sequence[str] = _PACKAGE.split(".")
    for depth in range(1, len(names) + 1):
        name = ".".join(names[:depth])
        package = ModuleType(name)
        package.__path__ = [str(folder.joinpath(*names[1:depth]))]
        modules[name] = package
