"""The prompts: self-instruct's seeds to learn from, its user-oriented part to test with."""

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

TAUGHT, UNSEEN = "self_instruct_seeds.jsonl", "user_oriented_instructions.jsonl"
SHORT, LONGEST = 25, 80  # words


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, and its id in the results."""

    id: str
    text: str


def data_folder(*files: str) -> Path | None:
    """The folder that `EVAL_DATA` names, or None if one of these files is missing."""
    named = os.environ.get("EVAL_DATA")
    if not named or not all((Path(named) / file).exists() for file in files):
        return None
    return Path(named)


def read_prompts(file: Path, seed: int) -> list[Prompt]:
    """The prompts of a file in the seed's order: short ones without an input first."""
    short: list[Prompt] = []
    others: list[Prompt] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        given = task["instances"][0]["input"]
        text = "\n\n".join(filter(None, (task["instruction"].strip(), given.strip())))
        words = len(text.split())
        if words <= LONGEST:
            into = short if words <= SHORT and not given else others
            into.append(Prompt(task["id"], text))
    shuffled = random.Random(seed)
    return [prompt for part in (short, others) for prompt in shuffled.sample(part, len(part))]
