"""Warns of personal data. It is not rejected, because the adapter answers only its user."""

import re

from feedback.records import TrainingExample
from feedback.text.scripts import MARKS, SPACED, compiled

# Without the letters of scripts without spaces: those are of the text around it.
_LETTERS = rf"{SPACED}{MARKS}_"
_EMAIL = compiled(
    rf"(?<![{_LETTERS}.+-])[{_LETTERS}.+-]++@[{_LETTERS}-]++(?:\.[{_LETTERS}-]++)*"
    rf"\.[A-Za-z]{{2,}}(?![{_LETTERS}])"
)
# With a country code, grouped as in North America, or with a leading zero and groups.
_PHONE = compiled(
    rf"""
    (?<![{_LETTERS}.+-])(?:
        (?:\+|00)[1-9](?:[ ().-]{{0,2}}\d){{7,13}}
      | (?:\(\d{{3}}\)[ ]?|\d{{3}}[ .-])\d{{3}}[ .-]\d{{4}}
      | \(?0\d{{2,4}}\)?[ /-]\d{{3,}}(?:[ -]?\d{{2,}}){{0,3}}
    )(?![{_LETTERS}-])
    """,
    re.VERBOSE,
)
_KINDS = (("an e-mail address", _EMAIL), ("a phone number", _PHONE))


def warnings(example: TrainingExample) -> tuple[str, ...]:
    """One sentence for each type of personal data in the prompt or the replies."""
    texts = [turn.content for turn in example.messages] + [example.chosen, example.rejected or ""]
    return tuple(f"It holds {name}." for name, pattern in _KINDS if any(map(pattern.search, texts)))
