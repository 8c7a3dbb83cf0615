"""Punctuation: marks that are replaced or removed, and the marks that end sentences."""

import re
from collections.abc import Callable

from feedback.rules.attributes.attribute import Attribute, always, choice
from feedback.text.structure import sentences

_Replacement = tuple[str, str | Callable[[re.Match[str]], str]]
_TRAILING = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)
_GAP = r"(?:(?<![ \t])[ \t]+)?"
_DASH = rf"(?<=\S){_GAP}(?:—|--+){_GAP}|(?<=\S)[ \t]+–[ \t]+"


def _new_sentence(match: re.Match[str]) -> str:
    return f". {match[1].upper()}"


def _without(plural: str, mark: str, replacements: dict[str, _Replacement]) -> Attribute:
    """The attribute of not using a mark; a value is its replacement or `none`."""
    found = re.compile(mark)

    def replaced(text: str, value: str) -> str:
        pattern, replacement = replacements[value]
        return _TRAILING.sub("", re.sub(pattern, replacement, text))

    def sentence(value: str) -> str:
        return f"Uses no {plural}." if value == "none" else f"Writes “{value}” for {plural}."

    return Attribute(
        plural,
        always(*replacements),
        lambda text, value: found.search(text) is None,
        replaced,
        sentence,
        replacements.__contains__,
    )


WITHOUT_MARKS = (
    _without(
        "exclamation marks",
        "[!！]",
        {".": (r"([?？])?[!！]+([?？])?", lambda match: match[1] or match[2] or ".")},
    ),
    _without("semicolons", ";", {",": (";", ","), ".": (rf"{_GAP};{_GAP}(\w?)", _new_sentence)}),
    _without(
        "dashes",
        _DASH,
        {
            ",": (_DASH, ", "),
            "-": (_DASH, " - "),
            ":": (_DASH, ": "),
            ";": (_DASH, "; "),
            ".": (rf"(?:{_DASH})(\w?)", _new_sentence),
        },
    ),
    _without("ellipses", r"…|\.{3,}", {".": (r"…|\.{3,}", ".")}),
    _without("quotation marks", '["“”„«»]', {"none": ('["“”„«»]', "")}),
    _without("commas", r",(?!\d)", {"none": (r",(?!\d)", "")}),
    _without("parentheses", r"(?<!\])\([^()\n]*\)", {"none": (rf"{_GAP}(?<!\])\([^()\n]*\)", "")}),
)


def _is_emphatic(text: str, value: str) -> bool:
    ends = [text[start:end].rstrip("\"'”’)]*_")[-1:] for start, end in sentences(text)]
    return "!" in ends and "." not in ends


def _emphatic(text: str, value: str) -> str:
    for start, end in reversed(sentences(text)):
        text = text[:start] + re.sub(r"\.(?=[\"'”’)\]*_]*$)", "!", text[start:end]) + text[end:]
    return text


EMPHATIC = choice(
    "sentence endings",
    {"!": "Ends every statement with an exclamation mark."},
    _is_emphatic,
    _emphatic,
)
FINAL_STOP = choice(
    "final full stop",
    {"none": "Ends without a full stop."},
    lambda text, value: not text.rstrip().endswith("."),
    lambda text, value: text.rstrip().rstrip("."),
)
