"""Whether feedback only says again what its user already said of the reply. Pure."""

from collections.abc import Iterable
from typing import Any

from feedback.records import Feedback

_FIELDS = ("value", "correction", "preferred_over", "comment", "reason")


def repeated(feedback: Feedback, given: Iterable[Feedback]) -> Feedback | None:
    """The item that says this already; `given` is all of the user's feedback on the same reply.

    The newest feedback wins, so only the newest with one of the same fields can be repeated.
    """
    said = _said(feedback)
    alike = [each for each in given if said.keys() & _said(each).keys()]
    newest = max(alike, key=lambda each: (each.updated_at, each.id), default=None)
    return newest if newest is not None and said.items() <= _said(newest).items() else None


def says_the_same(one: Feedback, other: Feedback) -> bool:
    """Whether two items say the same of the same reply."""
    return one.completion_id == other.completion_id and _said(one) == _said(other)


def _said(feedback: Feedback) -> dict[str, Any]:
    values = {name: getattr(feedback, name) for name in _FIELDS}
    return {name: value for name, value in values.items() if value is not None}
