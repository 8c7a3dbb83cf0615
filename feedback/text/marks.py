"""Punctuation marks of all scripts, by their use.

Names in the plural are the insides of character classes, the others are patterns.
"""

FULL_STOPS = ".。．｡।॥۔።။។։"
EXCLAMATION_MARKS = "!！﹗"
QUESTION_MARKS = "?？﹖؟፧\u037e"
COMMAS = ",，、､﹐﹑،፣"
SEMICOLONS = ";；﹔؛፤"
COLONS = ":：﹕"
CLOSERS = r"\"'*_~)\]\p{Pf}」』）】》〉〕〗〙〛］｝｣\u200e\u200f\u061c"
"""What may follow the last mark of a sentence: quotes, brackets, emphasis, signs of direction."""
WIDE_MARKS = (
    r"\u3000-\u3004\u3008-\u3020\u3030\ufe10-\ufe1f\ufe30-\ufe6f"
    r"\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
"""Marks of Chinese and Japanese, with no space after them."""

OWN_END = r"(?![.!?．﹒\u2000-\u206f])\p{Sentence_Terminal}"
"""A mark that ends a sentence whatever follows. Those of ASCII need a space, because of “1.5”."""
GREEK_QUESTION = r"(?<=\p{Greek}\p{M}*);"
"""The Greek question mark, which is written as a semicolon."""
SENTENCE_MARK = rf"(?:[.!?…\p{{Sentence_Terminal}}\u037e]|{GREEK_QUESTION})"
"""A mark that may end a sentence."""
CLAUSE_MARK = rf"(?:{OWN_END}|(?=[{WIDE_MARKS}])\p{{Terminal_Punctuation}})"
"""A mark between words that needs no space after it."""
# Single ones are apostrophes, too; in Hebrew double ones are a part of abbreviations.
QUOTATION_MARK = r"(?!['‘’‚‛‹›＇])(?!(?<=\p{Hebrew}\p{M}*)\"\p{Hebrew})\p{Quotation_Mark}"
"""A double quotation mark, or a corner bracket."""
