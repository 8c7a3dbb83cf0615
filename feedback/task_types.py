"""The task types of a user's examples, compared with those of the user's prompts. Pure.

Words decide the type of an instruction, as Wang et al. (2022, "Self-Instruct", arXiv 2212.10560,
section 2.3) group instructions by root verb. That is rough, but quick and easy to check.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

MIN_TAUGHT = 5
"""With fewer prompts among the examples there is nothing to warn about."""
MIN_ASKED = 5
MIN_OFTEN_SHARE = 0.2
"""A type with this share of the prompts asked should have examples, ..."""
MAX_TAUGHT_SHARE = 0.8
"""... and no type should have this share of the examples, unless it has it of the prompts too."""


class TaskType(StrEnum):
    """What an instruction asks for. The values complete the sentence "prompts that ask for …"."""

    CODE = "code"
    TRANSLATION = "a translation"
    SUMMARY = "a summary"
    REWRITING = "a text to be rewritten"
    CLASSIFICATION = "a label or choice"
    CALCULATION = "a calculation"
    WRITING = "a text to be written"
    IDEAS = "ideas or a list"
    ADVICE = "advice"
    EXPLANATION = "an explanation"
    FACT = "a fact"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class TaskTypeCoverage:
    """How many prompts of one task type the examples have, and how many were asked lately."""

    kind: TaskType
    taught: int
    asked: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """The task types, the most asked first, and warnings about what is missing or dominates."""

    kinds: tuple[TaskTypeCoverage, ...]
    warnings: tuple[str, ...]


# The first match decides: "Write a Python function" is code, "How do I say … in French" is a
# translation. A verb counts if it begins a sentence or follows a request such as "please".
_VERB = r"(?:^|[.!?:\n]\s*|\b(?:please|to|you|and)\s+)(?:{})\b"
_MARKS: tuple[tuple[TaskType, str], ...] = (
    (
        TaskType.CODE,
        r"```|\b(?:code|python|javascript|java|c\+\+|sql|html|css|regex|bash|program|algorithm"
        r"|unit tests?|pseudocode|compiler?|stack trace)\b",
    ),
    (
        TaskType.TRANSLATION,
        r"\btranslat\w+|\b(?:in|into|from|to) (?:french|german|spanish|italian|portuguese|russian"
        r"|chinese|japanese|korean|arabic|dutch|turkish|polish|swedish|greek|latin|hindi)\b",
    ),
    (TaskType.SUMMARY, r"\bsummar\w+|\btl;?dr\b|\b(?:key|main) (?:points|takeaways)\b"),
    (
        TaskType.REWRITING,
        _VERB.format(
            "rewrite|rephrase|paraphrase|edit|proofread|shorten|simplify|correct|fix|improve"
            "|convert|change|turn|replace|reword|polish"
        ),
    ),
    (
        TaskType.CLASSIFICATION,
        r"\bclassif\w+|\bcategori[sz]e\b|\bsentiment\b|\btrue or false\b|\byes or no\b"
        r"|\bwhich (?:one )?of (?:these|the following)\b"
        r"|" + _VERB.format("label|rate|rank|sort|identify|detect|choose|select|pick"),
    ),
    (
        TaskType.CALCULATION,
        r"\b(?:calculate|compute|solve|percentage|equation|square root|probability)\b"
        r"|\d\s*[-+*/×÷^=]\s*\d",
    ),
    (
        TaskType.WRITING,
        _VERB.format(
            "write|compose|draft|create|make up|tell me a (?:story|joke)|invent|describe|generate"
        )
        + r"|\b(?:essay|poem|story|letter|e-?mail|speech|haiku|lyrics|review|slogan)"
        r" (?:about|for|to)\b",
    ),
    (
        TaskType.IDEAS,
        r"\b(?:ideas?|tips|suggestions|examples|brainstorm)\b"
        r"|" + _VERB.format("list|name|suggest|recommend|give (?:me|us)|come up|propose|find|plan"),
    ),
    (
        TaskType.ADVICE,
        r"\b(?:should i|can i|could i|how (?:do|can|should|would) (?:i|we|you)|help me|advice"
        r"|advise|what to do|how to|best way)\b",
    ),
    (
        TaskType.EXPLANATION,
        r"\b(?:why|how (?:do|does|did|is|are|can|come)|difference between|what does|means?"
        r"|meaning)\b|" + _VERB.format("explain|define|compare|discuss|analy[sz]e|elaborate|tell"),
    ),
    (
        TaskType.FACT,
        r"^\W*(?:what|who|whom|whose|when|where|which|is|are|was|were|do|does|did|has)\b",
    ),
)
_PATTERNS = tuple((kind, re.compile(marks, re.IGNORECASE)) for kind, marks in _MARKS)
_MAX_END = 600  # characters: the instruction is before or after the text that it is about


def task_type_of(prompt: str) -> TaskType:
    """The task type of one prompt, by its first and last characters."""
    text = prompt.strip()
    text = f"{text[:_MAX_END]}\n{text[-_MAX_END:]}" if len(text) > 2 * _MAX_END else text
    return next((kind for kind, marks in _PATTERNS if marks.search(text)), TaskType.OTHER)


def coverage(taught: Iterable[str], asked: Iterable[str]) -> Coverage:
    """Compare the prompts of the examples, `taught`, with the prompts `asked` lately."""
    known, wanted = Counter(map(task_type_of, taught)), Counter(map(task_type_of, asked))
    kinds = tuple(
        TaskTypeCoverage(kind, known[kind], wanted[kind])
        for kind in sorted(TaskType, key=lambda kind: -wanted[kind])
        if known[kind] or wanted[kind]
    )
    return Coverage(kinds, _warnings(kinds, known.total(), wanted.total()))


def _warnings(kinds: Sequence[TaskTypeCoverage], taught: int, asked: int) -> tuple[str, ...]:
    if taught < MIN_TAUGHT:
        return ()
    missing = (
        f"{each.asked} of the last {asked} prompts ask for {each.kind.value}, but no training"
        " example does: correct or like some of these replies."
        for each in kinds
        if not each.taught and each.asked >= MIN_ASKED and each.asked >= MIN_OFTEN_SHARE * asked
    )
    dominant = (
        f"{each.taught} of {taught} training prompts ask for {each.kind.value}: correct or like"
        " replies to other prompts too, or they may turn out the same."
        for each in kinds
        if each.taught >= MAX_TAUGHT_SHARE * taught and each.asked < MAX_TAUGHT_SHARE * asked
    )
    return (*missing, *dominant)
