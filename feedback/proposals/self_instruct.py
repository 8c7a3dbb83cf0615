"""How the base is made to invent instructions: by a list of the user's own that goes on. Pure.

Self-Instruct (Wang et al. 2022, arXiv 2212.10560, section 2.2 and table 5), with the examples of
one kind in one prompt. A small base follows examples where it ignores a request.
"""

import re
from collections.abc import Iterable, Sequence

from feedback.proposals.filters import reads_as_instruction
from feedback.records import Message
from feedback.task_types import TaskType, task_type_of

EXAMPLES = 6
"""In one prompt, at most; other prompts have others."""

_MARK = re.compile(r"^\s*(?:(?:task\s*)?\d+\s*[.:)]|[-*•])?\s*", re.IGNORECASE)


def seed_instructions(
    conversations: Iterable[Sequence[Message]],
) -> dict[TaskType, tuple[str, ...]]:
    """The user's own instructions by kind: first messages that a list can hold, each once."""
    found: dict[TaskType, dict[str, None]] = {}
    for turns in conversations:
        said = [turn for turn in turns if turn.role != "system"]
        text = " ".join(said[0].content.split()) if len(said) == 1 else ""
        if reads_as_instruction(text):
            found.setdefault(task_type_of(text), {})[text] = None
    return {kind: tuple(texts) for kind, texts in found.items()}


def continuation_prompt(examples: Sequence[str]) -> str:
    """A text whose next line is one more of the kind.

    No chat: asked for a list in its chat template, the small base keeps to the kind less often.
    """
    listed = "".join(f"Task {number}: {each}\n" for number, each in enumerate(examples, start=1))
    return f"Come up with a series of tasks:\n\n{listed}Task {len(examples) + 1}:"


def parse_instructions(text: str) -> str:
    """The instruction in what the model wrote: without a list's mark or quotes around it."""
    line = _MARK.sub("", text, count=1).strip()
    is_quoted = len(line) > 1 and line[0] == line[-1] == '"' and line.count('"') == 2
    return line[1:-1].strip() if is_quoted else line
