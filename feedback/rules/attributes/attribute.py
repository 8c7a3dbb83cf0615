"""The type of an attribute: something that can be measured, changed and put into words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A reply before and after its correction, as attributes see them: unwrapped, code masked."""

    original: str
    corrected: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of replies: how to measure it, change it and describe it.

    - `values(changes)` suggests values; the caller drops those that no correction introduced.
    - `holds(text, value)` checks a text.
    - `transform(text, value)` rewrites a text in which the value does not hold; None if only an
      author could do that. The caller checks the result.
    - `is_value` validates values from outside.
    - `stricter` gives the next value that implies this one, for rules that count what others add.
    - `is_exclusive`: a text can follow one value only.
    - `is_outer`: the functions see the whole reply, with wrapping and code.
    - `is_weak`: every shorter text has some value, so a rule must explain more.
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


def choice(
    name: str,
    sentences: Mapping[str, str],
    holds: Callable[[str, str], bool],
    transform: Callable[[str, str], str | None],
    measure: Callable[[Change], Iterable[str]] | None = None,
) -> Attribute:
    """An attribute with few values, each with its sentence; `measure` suggests some of them."""
    values = always(*sentences) if measure is None else each(measure)
    return Attribute(name, values, holds, transform, sentences.__getitem__, sentences.__contains__)


def always(*values: str) -> Callable[[Sequence[Change]], Iterable[str]]:
    """Suggests the same few values for any changes."""
    return lambda changes: values


def each(measure: Callable[[Change], Iterable[str]]) -> Callable[[Sequence[Change]], Iterable[str]]:
    """Suggests values for each change by itself."""
    return lambda changes: (value for change in changes for value in measure(change))


def impossible(text: str, value: str) -> None:
    """The transform of an attribute that only an author can give to a text."""
