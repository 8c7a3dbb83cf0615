"""What a prompt asks of the form of its reply, where a rule would have another one. Pure.

A prompt outranks a habit. It is read by its words, English ones; where none is known, the habit
stays.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from feedback.edits.emoji import EMOJI
from feedback.edits.numerals import NUMBER_WORDS
from feedback.edits.rule import Rule

_NEGATION = (
    r"\b(?:no|not|without|never|avoid(?:ing)?|nor|instead of|rather than|free of|omit(?:ting)?"
    r"|leave out|skip(?:ping)?|\w+n['’]t)\b(?:[ \t]+[\w'’-]+){0,3}?[ \t]+"
)
_COUNT = rf"\b(\d{{1,5}}|{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})\b"
_ASK = (
    r"(?:answer|reply|respond|say|write|give|return|output|print|tell|name|state|use|send|type|put)"
)

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_LONGEST_REQUEST = 400
"""Characters of a paragraph that says what is wanted."""

_COPY = re.compile(
    r"word for word|to the letter|verbatim|\b(?:exactly )?as it (?:is|stands)\b|\bunchanged\b"
    r"|exactly as (?:written|shown|given)|\brepeat (?:this|after me|the following|exactly)"
    r"|\b(?:exact|this|the following)\b[^.!?\n]{0,30}\band nothing (?:else|more)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"\bnothing (?:else|more|but)\b|\bno (?:other|further|extra|additional) (?:words?|text)\b"
    r"|\b(?:and |with )?no more\b(?! than)|\byes or no\b"
    r"|\b(?:one|a single|1)[ -]word\b(?! for)|\b(?:one|a single) (?:letter|digit|number|emoji)\b"
    r"|\b(?:word|letter|number|digit|name|title|figure|year|code|answer|result|date)"
    r" (?:only|alone)\b"
    rf"|\b{_ASK}\b[^.!?\n]{{0,40}}\b(?:only|just)\b(?! (?:one|if|when|after))"
    rf"|\b(?:only|just)\b[ \t]+(?:{_ASK}\b|the (?:word|letter|number|digit|name|title|code|answer))"
    r"|\b(?:no|without)(?: any)? (?:explanations?|comment(?:s|ary)?|preamble|introduction)\b",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"\b(?:in|as|into|valid|only|return|output|print|produce|this|following)(?: an?| the| valid)?"
    r" (?:JSON|XML|YAML|CSV|HTML|SQL|LaTeX|markdown table|code block)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Thing:
    """A thing in a reply, by the words that name it in a prompt, and which rules speak against
    asking for it and against asking to do without."""

    words: str
    wanted: Callable[[Rule], bool]
    unwanted: Callable[[Rule], bool] = lambda rule: False

    def rules_out(self, rule: Rule, prompt: str) -> bool:
        unwanted = re.compile(f"{_NEGATION}(?:{self.words})", re.IGNORECASE)
        if self.unwanted(rule) and unwanted.search(prompt):
            return True
        elsewhere = unwanted.sub(" ", prompt)
        return self.wanted(rule) and bool(re.search(self.words, elsewhere, re.IGNORECASE))


def _has(name: str, *values: str) -> Callable[[Rule], bool]:
    """Rules of a property with one of these values, or with any where none is given."""
    return lambda rule: rule.property == name and (not values or rule.value in values)


def _has_other(name: str, *values: str) -> Callable[[Rule], bool]:
    return lambda rule: rule.property == name and rule.value not in values


def _adds(mark: str) -> Callable[[Rule], bool]:
    """Rules that put something into the reply that the pattern finds."""
    return lambda rule: rule.property in _PHRASES and re.search(mark, rule.value) is not None


def _either(*kinds: Callable[[Rule], bool]) -> Callable[[Rule], bool]:
    return lambda rule: any(kind(rule) for kind in kinds)


_PHRASES = ("opening", "closing")
_SHAPES = _either(
    _has_other("list", "none"),
    _has("list items"),
    _has("sentence lines"),
    _has("headings", "some"),
)
_ADDITIONS = _either(
    _adds(""),
    _SHAPES,
    _has("final question", "some"),
    _has("emoji", "some"),
    _has("least words"),
    _has("sentence endings"),
    _has_other("wrapping", "none"),
)

_THINGS = (
    _Thing(
        r"\b(?:capital letters?|(?:in|all|use|only)(?: block)? capitals|upper[- ]?case"
        r"|all[- ]caps|capitals only)\b",
        wanted=_has_other("case", "upper"),
        unwanted=_has_other("case", "lower"),
    ),
    _Thing(
        r"\b(?:title[- ]case|(?:each|every) word (?:with a capital|capitali[sz]ed)"
        r"|with (?:its|their|the right) capitals)",
        wanted=_has_other("case", "title"),
    ),
    _Thing(
        r"\b(?:lower[- ]?case|small letters?)\b",
        wanted=_has_other("case", "lower"),
        unwanted=_has("case", "lower"),
    ),
    _Thing(
        r"\b(?:bullet(?:s|ed)?(?: points?)?|lists?|listing|enumerations?)\b",
        wanted=lambda rule: False,  # "make a list" names a thing; its form may be the user's own
        unwanted=_SHAPES,
    ),
    _Thing(
        r"\b(?:bullet(?:s|ed)?|(?:as|in|into)(?: an?)?(?: \w+)? lists?)\b",
        wanted=_either(_has("list", "none"), _has("paragraphs", "one")),
    ),
    _Thing(
        r"\b(?:numbered|number (?:the|each|them)|1[.)] to \d)",
        wanted=_either(_has_other("list", "1.", "1)"), _has("paragraphs", "one")),
        unwanted=_has("list", "1.", "1)"),
    ),
    _Thing(
        r"\b(?:bullet(?:s|ed)?|hyphens)\b",
        wanted=_either(_has("list", "1.", "1)"), _has("paragraphs", "one")),
    ),
    _Thing(
        r"\b(?:running text|(?:in|as) an? (?:plain )?(?:paragraph|line|sentence)"
        r"|(?:one|a single) (?:plain )?(?:paragraph|line|sentence)|(?:in|as|flowing) prose)\b",
        wanted=_SHAPES,
    ),
    _Thing(
        r"\b(?:(?:on|each in)? ?(?:a|their|its) (?:own )?lines? of (?:its|their) own"
        r"|(?:separate|own|new) lines?|one per line|line by line|paragraphs|blank lines?|stanzas?"
        rf"|{_COUNT} (?:lines|verses|paragraphs))\b",
        wanted=_has("paragraphs"),
    ),
    _Thing(
        r"\b(?:JSON|XML|braces|brackets|tags|wrapping)\b|<\w+>",
        wanted=lambda rule: False,
        unwanted=_has_other("wrapping", "none"),
    ),
    _Thing(
        r"\b(?:plain|running) (?:text|words|English)\b",
        wanted=_either(_has_other("wrapping", "none"), _has("headings", "some")),
    ),
    _Thing(r"\bcommas?\b", wanted=_has("commas"), unwanted=_adds(",")),
    _Thing(r"\bsemicolons?\b", wanted=_has("semicolons"), unwanted=_has("dashes", ";")),
    _Thing(r"\b(?:em[- ])?dash(?:es)?\b", wanted=_has("dashes"), unwanted=_adds("[–—]")),
    _Thing(r"\bellips[ei]s\b", wanted=_has("ellipses"), unwanted=_adds(r"…|\.\.\.")),
    _Thing(
        r"\b(?:quotes|quotation marks|inverted commas)\b",
        wanted=_has("quotation marks"),
        unwanted=_either(_has("wrapping", 'marks:"', "marks:“", "marks:«"), _adds('["“„«]')),
    ),
    _Thing(r"\bparenthes[ei]s\b|\bin brackets\b", wanted=_has("parentheses")),
    _Thing(
        r"\bexclamation (?:marks?|points?)\b|!!",
        wanted=_has("exclamation marks"),
        unwanted=_either(_has("sentence endings"), _adds("!")),
    ),
    _Thing(
        rf"\bemojis?\b|\bsmileys?\b|{EMOJI}",
        wanted=_has("emoji", "none"),
        unwanted=_either(_has("emoji", "some"), _adds(EMOJI)),
    ),
    _Thing(
        r"\b(?:headings?|headers?|headlines?|title)\b",
        wanted=_has("headings", "none", "plain"),
        unwanted=_has("headings", "some"),
    ),
    _Thing(
        r"\b(?:markdown|mark-?up|formatting)\b",
        wanted=_either(_has("headings", "none", "plain"), _has("emphasis")),
        unwanted=_either(_SHAPES, _has("wrapping", "marks:**", "marks:*", "marks:_")),
    ),
    _Thing(r"\b(?:bold|italics?|emphasi[sz]e)\b", wanted=_has("emphasis")),
    _Thing(
        r"\b(?:contractions|contracted|short forms|apostrophes?)\b",
        wanted=_has("contractions", "long"),
        unwanted=_has("contractions", "short"),
    ),
    _Thing(
        r"\b(?:digits?|numerals|figures)\b",
        wanted=_has("numbers", "words"),
        unwanted=_has("numbers", "digits"),
    ),
    _Thing(
        r"\b(?:spel(?:l|t|led)(?: \w+)? out|(?:as a|in) words?)\b",
        wanted=_has("numbers", "digits"),
        unwanted=_has("numbers", "words"),
    ),
    _Thing(
        r"\bask (?:me |us |him |her |them )?(?:an?|one|some|any|\w+ more|\w+) questions?\b"
        r"|\b(?:end|close|finish) with a question\b|\bwrite (?:an?|one) (?:\w+ )?question\b",
        wanted=_has("final question", "none"),
    ),
    _Thing(
        r"\b(?:ask|questions?)\b",
        wanted=lambda rule: False,
        unwanted=_either(_has("final question", "some"), _adds(r"\?")),
    ),
    _Thing(
        r"\bask nothing\b",
        wanted=_either(_has("final question", "some"), _adds(r"\?")),
    ),
    _Thing(r"\bAmerican (?:spelling|English)\b", wanted=_has_other("spelling", "american")),
    _Thing(r"\bBritish (?:spelling|English)\b", wanted=_has_other("spelling", "british")),
    _Thing(r"\b(?:full stop|period) at the end\b", wanted=_has("final full stop")),
    _Thing(
        r"\b(?:greeting|salutation|introduction|opening)\b",
        wanted=_has("left-out beginning"),
        unwanted=_has("opening"),
    ),
    _Thing(
        r"\b(?:sign[- ]?off|closing|farewell)\b",
        wanted=_has("left-out ending"),
        unwanted=_has("closing"),
    ),
)

_AT_LEAST = re.compile(
    rf"(?:\b(?:at least|more than|over|minimum of|no (?:less|fewer) than)\s+)?{_COUNT}(?:[ -]\w+)?"
    r"[ -](sentences?|words?|paragraphs?)\b(?: or more)?|\b(sentences|words|paragraphs) or more",
    re.IGNORECASE,
)
_AT_MOST = re.compile(
    rf"\b(?:at most|no more than|up to|under|below|less than|fewer than|within|maximum of|in)\s+"
    rf"{_COUNT}(?:[ -]\w+)?[ -](words?|sentences?)\b",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"\b(?:lengthy|detailed|in[- ]depth|comprehensive|exhaustive|elaborate)\b"
    r"|\blong(?:er)? (?:\w+ )?(?:answer|article|description|email|essay|explanation|joke|letter"
    r"|poem|post|reply|review|speech|story|text|version)\b"
    r"|\b(?:in|more|every|with|great) detail\b|\bat length\b",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"\b(?:short|shortly|brief(?:ly)?|concise(?:ly)?|in a (?:word|sentence)|(?:one|a single)"
    r" sentence)\b",
    re.IGNORECASE,
)
_ITEMS = re.compile(
    r"\b(?:list|name|give(?: me)?|suggest|recommend|mention|write|top|tell me)\s+"
    rf"(?:\w+\s+)?{_COUNT}"
    r"(?!\s+(?:sentences?|words?|paragraphs?|lines?))",
    re.IGNORECASE,
)
_WORDS_OF = {"sentence": 12, "word": 1, "paragraph": 40}
_LENGTHS = ("most sentences", "most words")


def ruled_out(rules: Sequence[Rule], prompt: str) -> tuple[Rule, ...]:
    """The rules that a prompt asks to leave alone, in their order."""
    request = _request(prompt)
    return tuple(rule for rule in rules if _is_ruled_out(rule, request))


def _request(prompt: str) -> str:
    """The first and the last paragraph, where they are short: longer ones are texts to work on."""
    paragraphs = [each for each in _BLANK_LINES.split(prompt.strip()) if each]
    ends = paragraphs if len(paragraphs) == 1 else paragraphs[:1] + paragraphs[-1:]
    return "\n".join(each for each in ends if len(each) <= _LONGEST_REQUEST)


def _is_ruled_out(rule: Rule, prompt: str) -> bool:
    return (
        _COPY.search(prompt) is not None
        or (_ADDITIONS(rule) and _BARE.search(prompt) is not None)
        or (_is_formatted_otherwise(rule) and _FORMAT.search(prompt) is not None)
        or _asks_for_another_length(rule, prompt)
        or any(thing.rules_out(rule, prompt) for thing in _THINGS)
    )


def _is_formatted_otherwise(rule: Rule) -> bool:
    return _ADDITIONS(rule) and not rule.value.startswith("json:")


def _asks_for_another_length(rule: Rule, prompt: str) -> bool:
    if rule.property in _LENGTHS:
        return _LONG.search(prompt) is not None or any(
            _is_more(rule, found) for found in _AT_LEAST.finditer(prompt)
        )
    if rule.property == "least words":
        return _SHORT.search(prompt) is not None or any(
            _words(found[1], found[2]) < int(rule.value) for found in _AT_MOST.finditer(prompt)
        )
    if rule.property == "list items":
        return any(_number(found[1]) != int(rule.value) for found in _ITEMS.finditer(prompt))
    return False


def _is_more(rule: Rule, found: re.Match[str]) -> bool:
    """Whether what was asked for is longer than the rule allows."""
    if found[1] is None:
        return True
    if rule.property == "most sentences" and found[2].lower().startswith("sentence"):
        return _number(found[1]) > int(rule.value)
    most = int(rule.value) * (_WORDS_OF["sentence"] if rule.property == "most sentences" else 1)
    return _words(found[1], found[2]) > most


def _words(count: str, unit: str) -> int:
    return _number(count) * _WORDS_OF[unit.lower().removesuffix("s")]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else NUMBER_WORDS.index(text.lower())
