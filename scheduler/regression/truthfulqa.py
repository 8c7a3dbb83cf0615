"""TruthfulQA's multiple-choice questions (Lin et al. 2022), where an operator has them."""

import json
from pathlib import Path
from random import Random

from scheduler.regression.records import Question

FILE = "truthfulqa_mc.json"
MOST_QUESTIONS = 100
_SEED = 0


def read_questions(folder: Path) -> tuple[Question, ...]:
    """A sample of the questions in `truthfulqa_mc.json`, always the same one.

    Raises `OSError` where the file cannot be read, `ValueError` where it has other contents.
    """
    text = (folder / FILE).read_text(encoding="utf-8")
    try:
        questions = [_question(row["question"], row["mc1_targets"]) for row in json.loads(text)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / FILE} is not TruthfulQA's multiple choice: {error}") from error
    return tuple(Random(_SEED).sample(questions, min(len(questions), MOST_QUESTIONS)))


def _question(text: str, targets: dict[str, int]) -> Question:
    rights = [answer for answer, is_right in targets.items() if is_right]
    wrong = tuple(answer for answer, is_right in targets.items() if not is_right)
    if len(rights) != 1 or not wrong:
        raise ValueError(f"not one right answer among others: {text!r}")
    return Question(text, rights[0], wrong)
