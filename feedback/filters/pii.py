"""Warns of personal data. It is not rejected, because the adapter answers only its user."""

import re

from feedback.records import TrainingExample

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b")
# With a country code, grouped as in North America, or with a leading zero and groups.
_PHONE = re.compile(
    r"""
    (?<![\w.+-])(?:
        (?:\+|00)[1-9](?:[ ().-]{0,2}\d){7,13}
      | (?:\(\d{3}\)[ ]?|\d{3}[ .-])\d{3}[ .-]\d{4}
      | \(?0\d{2,4}\)?[ /-]\d{3,}(?:[ -]?\d{2,}){0,3}
    )(?![\w-])
    """,
    re.VERBOSE,
)
_KINDS = (("an e-mail address", _EMAIL), ("a phone number", _PHONE))


def warnings(example: TrainingExample) -> tuple[str, ...]:
    """One sentence for each type of personal data in the prompt or the replies."""
    texts = [turn.content for turn in example.messages] + [example.chosen, example.rejected or ""]
    return tuple(f"It holds {name}." for name, pattern in _KINDS if any(map(pattern.search, texts)))
