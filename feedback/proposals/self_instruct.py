"""Makes the base invent instructions: it continues a list of the user's own. Pure.

Self-Instruct (Wang et al. 2022, arXiv 2212.10560, section 2.2 and table 5), with examples of one
task type per prompt. A small base follows examples better than a request.
"""

import re
from collections.abc import Iterable, Sequence

from feedback.proposals.filters import reads_as_instruction
from feedback.records import Message
from feedback.task_types import TaskType, task_type_of

EXAMPLES = 6
"""The most in one prompt; each prompt has other examples."""

_MARK = re.compile(r"^\s*(?:(?:task\s*)?\d+\s*[.:)]|[-*•])?\s*", re.IGNORECASE)


def seed_instructions(
    conversations: Iterable[Sequence[Message]],
) -> dict[TaskType, tuple[str, ...]]:
    """The user's own instructions by task type: first messages that read as instructions, once."""
    found: dict[TaskType, dict[str, None]] = {}
    for messages in conversations:
        turns = [each for each in messages if each.role != "system"]
        text = " ".join(turns[0].content.split()) if len(turns) == 1 else ""
        if reads_as_instruction(text):
            found.setdefault(task_type_of(text), {})[text] = None
    return {kind: tuple(texts) for kind, texts in found.items()}


def continuation_prompt(examples: Sequence[str]) -> str:
    """A plain text whose next line is another instruction of the same type.

    Not a chat: in its chat template, the small base keeps to the type less often.
    """
    listed = "".join(f"Task {number}: {each}\n" for number, each in enumerate(examples, start=1))
    return f"Come up with a series of tasks:\n\n{listed}Task {len(examples) + 1}:"


def parse_instructions(text: str) -> str:
    """The instruction in the model's text, without a list marker or quotes around it."""
    line = _MARK.sub("", text, count=1).strip()
    is_quoted = len(line) > 1 and line[0] == line[-1] == '"' and line.count('"') == 2
    return line[1:-1].strip() if is_quoted else line
