"""Finds things that prompts ask for or forbid by name: capitals, lists, marks and the like."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from feedback.rules.attributes.emoji import EMOJI
from feedback.rules.override_lengths import COUNT
from feedback.rules.rule import Rule
from feedback.text.marks import (
    COMMAS,
    EXCLAMATION_MARKS,
    QUESTION_MARKS,
    QUOTATION_MARK,
    SEMICOLONS,
)
from feedback.text.scripts import compiled
from feedback.text.structure import NUMBERED

_NEGATION = (
    r"\b(?:no|not|without|never|avoid(?:ing)?|nor|instead of|rather than|free of|omit(?:ting)?"
    r"|leave out|skip(?:ping)?|\w+n['’]t)\b(?:[ \t]+[\w'’-]+){0,3}?[ \t]+"
)


def _never(rule: Rule) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The words that name a thing, and the rules that a request for or against it overrides.

    A prompt that asks for the thing overrides the rules `wanted`; one that forbids it overrides
    the rules `unwanted`.
    """

    words: str
    wanted: Callable[[Rule], bool] = _never
    unwanted: Callable[[Rule], bool] = _never

    def overrides(self, rule: Rule, request: str) -> bool:
        if_wanted, if_unwanted = self.wanted(rule), self.unwanted(rule)
        if not (if_wanted or if_unwanted):
            return False
        named, forbidden = _patterns(self.words)
        if if_unwanted and forbidden.search(request):
            return True
        return if_wanted and named.search(forbidden.sub(" ", request)) is not None


@cache
def _patterns(words: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The pattern that finds the words, and the one that finds them negated."""
    return re.compile(words, re.IGNORECASE), re.compile(f"{_NEGATION}(?:{words})", re.IGNORECASE)


def _has(name: str, *values: str) -> Callable[[Rule], bool]:
    """Selects rules of an attribute with one of these values, or with any if none is given."""
    return lambda rule: rule.attribute == name and (not values or rule.value in values)


def _has_other(name: str, *values: str) -> Callable[[Rule], bool]:
    return lambda rule: rule.attribute == name and rule.value not in values


def _adds(mark: str) -> Callable[[Rule], bool]:
    """Selects rules whose opening or closing matches the pattern."""
    return lambda rule: rule.attribute in _PHRASES and compiled(mark).search(rule.value) is not None


def _either(*selectors: Callable[[Rule], bool]) -> Callable[[Rule], bool]:
    return lambda rule: any(selects(rule) for selects in selectors)


_PHRASES = ("opening", "closing")
_SHAPES = _either(
    _has_other("list", "none"), _has("list items"), _has("sentence lines"), _has("headings", "some")
)
ADDITIONS = _either(
    _has("opening"),
    _has("closing"),
    _SHAPES,
    _has("final question", "some"),
    _has("emoji", "some"),
    _has("least words"),
    _has("sentence endings"),
    _has_other("wrapping", "none"),
)

_OVERRIDES = (
    _Pattern(
        r"\b(?:capital letters?|(?:in|all|use|only)(?: block)? capitals|upper[- ]?case"
        r"|all[- ]caps|capitals only)\b",
        wanted=_has_other("case", "upper"),
        unwanted=_has_other("case", "lower"),
    ),
    _Pattern(
        r"\b(?:title[- ]case|(?:each|every) word (?:with a capital|capitali[sz]ed)"
        r"|with (?:its|their|the right) capitals)",
        wanted=_has_other("case", "title"),
    ),
    _Pattern(
        r"\b(?:lower[- ]?case|small letters?)\b",
        wanted=_has_other("case", "lower"),
        unwanted=_has("case", "lower"),
    ),
    _Pattern(
        r"\b(?:bullet(?:s|ed)?(?: points?)?|lists?|listing|enumerations?)\b",
        # Not `wanted`: "make a list" names a thing, and its form may be the user's own.
        unwanted=_SHAPES,
    ),
    _Pattern(
        r"\b(?:bullet(?:s|ed)?|(?:as|in|into)(?: an?)?(?: \w+)? lists?)\b",
        wanted=_either(_has("list", "none"), _has("paragraphs", "one")),
    ),
    _Pattern(
        r"\b(?:numbered|number (?:the|each|them)|1[.)] to \d)",
        wanted=_either(_has_other("list", *NUMBERED), _has("paragraphs", "one")),
        unwanted=_has("list", *NUMBERED),
    ),
    _Pattern(
        r"\b(?:bullet(?:s|ed)?|hyphens)\b",
        wanted=_either(_has("list", *NUMBERED), _has("paragraphs", "one")),
    ),
    _Pattern(
        r"\b(?:running text|(?:in|as) an? (?:plain )?(?:paragraph|line|sentence)"
        r"|(?:one|a single) (?:plain )?(?:paragraph|line|sentence)|(?:in|as|flowing) prose)\b",
        wanted=_SHAPES,
    ),
    _Pattern(
        r"\b(?:(?:on|each in)? ?(?:a|their|its) (?:own )?lines? of (?:its|their) own"
        r"|(?:separate|own|new) lines?|one per line|line by line|paragraphs|blank lines?|stanzas?"
        rf"|{COUNT} (?:lines|verses|paragraphs))\b",
        wanted=_has("paragraphs"),
    ),
    _Pattern(
        r"\b(?:JSON|XML|braces|brackets|tags|wrapping)\b|<\w+>",
        unwanted=_has_other("wrapping", "none"),
    ),
    _Pattern(
        r"\b(?:plain|running) (?:text|words|English)\b",
        wanted=_either(_has_other("wrapping", "none"), _has("headings", "some")),
    ),
    _Pattern(r"\bcommas?\b", wanted=_has("commas"), unwanted=_adds(f"[{COMMAS}]")),
    _Pattern(r"\bsemicolons?\b", wanted=_has("semicolons"), unwanted=_has("dashes", *SEMICOLONS)),
    _Pattern(r"\b(?:em[- ])?dash(?:es)?\b", wanted=_has("dashes"), unwanted=_adds("[–—]")),
    _Pattern(r"\bellips[ei]s\b", wanted=_has("ellipses"), unwanted=_adds(r"…|\.\.\.")),
    _Pattern(
        r"\b(?:quotes|quotation marks|inverted commas)\b",
        wanted=_has("quotation marks"),
        unwanted=_either(
            _has("wrapping", *(f"marks:{each}" for each in '"“«「『')), _adds(QUOTATION_MARK)
        ),
    ),
    _Pattern(r"\bparenthes[ei]s\b|\bin brackets\b", wanted=_has("parentheses")),
    _Pattern(
        r"\bexclamation (?:marks?|points?)\b|!!",
        wanted=_has("exclamation marks"),
        unwanted=_either(_has("sentence endings"), _adds(f"[{EXCLAMATION_MARKS}]")),
    ),
    _Pattern(
        rf"\bemojis?\b|\bsmileys?\b|{EMOJI}",
        wanted=_has("emoji", "none"),
        unwanted=_either(_has("emoji", "some"), _adds(EMOJI)),
    ),
    _Pattern(
        r"\b(?:headings?|headers?|headlines?|title)\b",
        wanted=_has("headings", "none", "plain"),
        unwanted=_has("headings", "some"),
    ),
    _Pattern(
        r"\b(?:markdown|mark-?up|formatting)\b",
        wanted=_either(_has("headings", "none", "plain"), _has("emphasis")),
        unwanted=_either(_SHAPES, _has("wrapping", "marks:**", "marks:*", "marks:_")),
    ),
    _Pattern(r"\b(?:bold|italics?|emphasi[sz]e)\b", wanted=_has("emphasis")),
    _Pattern(
        r"\b(?:contractions|contracted|short forms|apostrophes?)\b",
        wanted=_has("contractions", "long"),
        unwanted=_has("contractions", "short"),
    ),
    _Pattern(
        r"\b(?:digits?|numerals|figures)\b",
        wanted=_has("numbers", "words"),
        unwanted=_has("numbers", "digits"),
    ),
    _Pattern(
        r"\b(?:spel(?:l|t|led)(?: \w+)? out|(?:as a|in) words?)\b",
        wanted=_has("numbers", "digits"),
        unwanted=_has("numbers", "words"),
    ),
    _Pattern(
        r"\bask (?:me |us |him |her |them )?(?:an?|one|some|any|\w+ more|\w+) questions?\b"
        r"|\b(?:end|close|finish) with a question\b|\bwrite (?:an?|one) (?:\w+ )?question\b",
        wanted=_has("final question", "none"),
    ),
    _Pattern(
        r"\b(?:ask|questions?)\b",
        unwanted=_either(_has("final question", "some"), _adds(f"[{QUESTION_MARKS}]")),
    ),
    _Pattern(
        r"\bask nothing\b",
        wanted=_either(_has("final question", "some"), _adds(f"[{QUESTION_MARKS}]")),
    ),
    _Pattern(r"\bAmerican (?:spelling|English)\b", wanted=_has_other("spelling", "american")),
    _Pattern(r"\bBritish (?:spelling|English)\b", wanted=_has_other("spelling", "british")),
    _Pattern(r"\b(?:full stop|period) at the end\b", wanted=_has("final full stop")),
    _Pattern(
        r"\b(?:greeting|salutation|introduction|opening)\b",
        wanted=_has("left-out beginning"),
        unwanted=_has("opening"),
    ),
    _Pattern(
        r"\b(?:begin|start|open)(?:s|ning|ing)?(?: (?:it|each \w+|your \w+|the \w+))? with\b"
        r"|\b(?:first (?:word|sentence|line)|very beginning)\b",
        wanted=_has("opening"),
    ),
    _Pattern(
        r"\b(?:end|finish|clos|conclud)(?:e?s|ing|e)?(?: (?:it|your \w+|the \w+))? with\b"
        r"|\b(?:last (?:word|sentence|line)|very end|postscript)\b|\bP\.( ?P\.)? ?S\b"
        r"|\bat the end of (?:it\b|(?:your|the) (?:answer|reply|response|text|email|letter|poem))",
        wanted=_either(_has("closing"), _has("final question")),
    ),
    _Pattern(
        r"\bwrap (?:your|the) (?:entire |whole )?(?:answer|reply|response|output|text)\b",
        wanted=_either(_has("opening"), _has("closing"), _has("wrapping")),
    ),
    _Pattern(
        r"\b(?:sign[- ]?off|closing|farewell)\b",
        wanted=_has("left-out ending"),
        unwanted=_has("closing"),
    ),
)


def names_against(rule: Rule, request: str) -> bool:
    """Whether a request asks for something that the rule removes, or forbids what it adds."""
    return any(pattern.overrides(rule, request) for pattern in _OVERRIDES)
