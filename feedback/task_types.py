"""What kinds of instruction a user's rows cover, beside what that user asks for. Pure.

A kind is read off the words that an instruction begins or is made with, as Wang et al. (2022,
"Self-Instruct", arXiv 2212.10560, section 2.3) group theirs by root verb: rough, but quick, and
plain enough to argue with.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class TaskType(StrEnum):
    """A kind of instruction. The values are its names in sentences: "prompts that ask for …"."""

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
    """How many prompts of a kind the rows are about, and how many were asked lately."""

    kind: TaskType
    taught: int
    asked: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Kinds by how often they are asked for, and sentences on what is lopsided."""

    kinds: tuple[TaskTypeCoverage, ...]
    warnings: tuple[str, ...]


MIN_TAUGHT = 5
"""Fewer prompts taught say nothing about what is missing."""
MIN_ASKED = 5
OFTEN = 0.2
"""A kind that is this share of what is asked ought to be taught, ..."""
LOPSIDED = 0.8
"""... and no kind should be this share of what is taught, unless it is of what is asked."""

# The first that is found decides: "Write a Python function" is code, "How do I say … in French" is
# a translation. Verbs count where they begin a sentence or follow a request such as "please".
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
_LOOKED_AT = 600  # characters: what is asked stands before or after what it is about


def task_type_of(prompt: str) -> TaskType:
    """The kind of one instruction, by its first and last characters."""
    text = prompt.strip()
    text = f"{text[:_LOOKED_AT]}\n{text[-_LOOKED_AT:]}" if len(text) > 2 * _LOOKED_AT else text
    return next((kind for kind, marks in _PATTERNS if marks.search(text)), TaskType.OTHER)


def coverage(taught: Iterable[str], asked: Iterable[str]) -> Coverage:
    """Compare the prompts that rows are about with those that were asked lately."""
    rows, prompts = Counter(map(task_type_of, taught)), Counter(map(task_type_of, asked))
    kinds = tuple(
        TaskTypeCoverage(kind, rows[kind], prompts[kind])
        for kind in sorted(TaskType, key=lambda kind: -prompts[kind])
        if rows[kind] or prompts[kind]
    )
    return Coverage(kinds, _warnings(kinds, rows.total(), prompts.total()))


def _warnings(kinds: Sequence[TaskTypeCoverage], taught: int, asked: int) -> tuple[str, ...]:
    if taught < MIN_TAUGHT:
        return ()
    missing = (
        f"Nothing is taught about prompts that ask for {each.kind.value}, {each.asked} of the last"
        f" {asked}: correct or like some of these replies."
        for each in kinds
        if not each.taught and each.asked >= MIN_ASKED and each.asked >= OFTEN * asked
    )
    dominant = (
        f"{each.taught} of {taught} prompts that are taught ask for {each.kind.value}: replies to"
        f" others may turn out as if they did, too."
        for each in kinds
        if each.taught >= LOPSIDED * taught and each.asked < LOPSIDED * asked
    )
    return (*missing, *dominant)
