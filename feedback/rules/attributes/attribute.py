"""What a property of replies is: something that can be measured, changed and put into words."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A reply before and after its correction, as properties see them: unwrapped, code hidden."""

    original: str
    corrected: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """One property: its measure, its transform and its sentence.

    `values` measures which values the corrections suggest; one that an original already had is
    no change and is left out by the caller. `holds(text, value)` checks a text. `transform(text,
    value)` is asked only where the value does not hold, and answers None where that would take
    invention; what it returns is checked again. `is_value` tells values from other texts where
    they come from elsewhere. Of an exclusive property a text follows one value.
    `stricter` gives the next value that implies this one, for rules that count what others add.
    An outer property sees the whole reply, wrapping and code included. A vague one has some value
    for every text that is shorter, so it has to explain more.
    """

    name: str
    values: Callable[[Sequence[Change]], Iterable[str]]
    holds: Callable[[str, str], bool]
    transform: Callable[[str, str], str | None]
    sentence: Callable[[str], str]
    is_value: Callable[[str], bool]
    is_exclusive: bool = True
    is_outer: bool = False
    is_weak: bool = False
    stricter: Callable[[str], str | None] = lambda value: None


def always(*values: str) -> Callable[[Sequence[Change]], Iterable[str]]:
    """The measure of a property with few values: every one may have been meant."""
    return lambda changes: values


def each(measure: Callable[[Change], Iterable[str]]) -> Callable[[Sequence[Change]], Iterable[str]]:
    """The measure of a property that one correction is enough for."""
    return lambda changes: (value for change in changes for value in measure(change))


def impossible(text: str, value: str) -> None:
    """The transform of a property that only an author can give to a text."""
