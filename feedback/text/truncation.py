"""What a length limit leaves at the end of a reply: half a sentence, half an item of a list."""

import re

from feedback.text.structure import SENTENCE_MARKS, lines_of, sentences
from feedback.text.tokens import words

_FINISHED = re.compile(rf"""[{SENTENCE_MARKS}]["'”’»」』）)\]*_~]*$""")


def strip_truncated_sentence(text: str) -> str:
    """The text without its unfinished last sentence, or as it is where nothing else is there."""
    stripped = text.rstrip()
    spans = sentences(stripped)
    if not spans or _FINISHED.search(stripped):
        return stripped
    start, end = spans[-1]
    before = stripped[:start]
    if lines_of(stripped[:end])[-1].text == stripped[start:end]:
        before = before.rpartition("\n")[0]  # the marker of an item goes with it
    return before.rstrip() if words(before) else stripped
