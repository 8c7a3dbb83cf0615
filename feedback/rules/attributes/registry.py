"""All attributes, in the order in which rules are applied.

Removals come first, then words, structure and length, additions, case, and wrapping: so no rule
undoes an earlier one. If two rules explain a change equally well, the earlier one wins: it says
more.
"""

from feedback.rules.attributes import (
    affixes,
    casing,
    emoji,
    hedging,
    length,
    lists,
    markup,
    numerals,
    punctuation,
    questions,
    removals,
    spelling,
    words,
    wrapping,
)
from feedback.rules.attributes.attribute import Attribute

_ALL: tuple[Attribute, ...] = (
    removals.BEGINNING,
    removals.ENDING,
    questions.FINAL_QUESTION,
    hedging.HEDGING,
    spelling.SPELLING,
    spelling.CONTRACTIONS,
    numerals.NUMBERS,
    words.WORDS,
    emoji.USE,
    *punctuation.WITHOUT_MARKS,
    markup.HEADINGS,
    markup.EMPHASIS,
    lists.MARKER,
    lists.COUNT,
    length.SENTENCES,
    length.MOST_WORDS,
    length.LEAST_WORDS,
    punctuation.EMPHATIC,
    markup.PARAGRAPHS,
    markup.OWN_LINES,
    punctuation.FINAL_STOP,
    affixes.OPENING,
    affixes.CLOSING,
    casing.CASE,
    wrapping.WRAPPING,
)

ATTRIBUTES = {each.name: each for each in _ALL}
ORDER = {each.name: place for place, each in enumerate(_ALL)}
