"""Rows that say two things about one prompt: the newest wins.

A correction says "this, not that", so it overrules older rows that want another reply. A like says
only "this is fine": two liked replies can both be. Of two choices between the same replies the
newest counts.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from feedback.filters.near_duplicates import MIN_SIMILARITY
from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.records import ExampleSource, TrainingExample
from feedback.rules.attributes.spelling import CONTRACTIONS
from feedback.text.shingles import jaccard, shingles
from feedback.text.tokens import tokens

# What two ways to type one question may differ in. Not in signs: "a++" is not "a--".
_IDLE = frozenset(".,;:!?¿¡\"'“”‘’…") | {"a", "an", "the", "please", "kindly"}

PromptKey = tuple[tuple[str, tuple[str, ...]], ...]


def rejections(rows: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The rows that a newer row about the same prompt overrules, by id."""
    groups: dict[PromptKey, list[DatedExample]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.age, reverse=True):
        groups[prompt_key(row.example)].append(row)
    return {
        row.id: cause
        for group in groups.values()
        if len(group) > 1
        for row, cause in (*_overruled(group), *_reversed(group))
    }


def prompt_key(example: TrainingExample) -> PromptKey:
    """Equal for near-equal prompts: those that differ in case, spaces, punctuation, articles,
    contractions and "please" only."""
    return tuple((turn.role, _meant(turn.content)) for turn in example.prompt)


def _meant(text: str) -> tuple[str, ...]:
    long = CONTRACTIONS.transform(text.casefold(), "long") or text
    return tuple(token for token in tokens(long) if token.strip() and token not in _IDLE)


def _overruled(group: Sequence[DatedExample]) -> Iterator[tuple[DatedExample, Rejection]]:
    """What the newest correction of a prompt overrules. `group` is newest first."""
    written = [row for row in group if row.is_written]
    if not written:
        return
    newest = written[0]
    wanted = shingles(newest.example.chosen)
    why = "A newer correction of the same prompt wants another reply."
    for row in group:
        is_older = row.judged_at < newest.judged_at
        is_wish = row.wants_reply and row.example.source is not ExampleSource.PREFERENCE
        if is_older and is_wish and jaccard(shingles(row.example.chosen), wanted) < MIN_SIMILARITY:
            yield row, Rejection(RejectionReason.CONTRADICTED, why, newest.id)


def _reversed(group: Sequence[DatedExample]) -> Iterator[tuple[DatedExample, Rejection]]:
    """The pairs that a newer pair holds the other way round. `group` is newest first."""
    newer: dict[tuple[str, str | None], DatedExample] = {}
    for row in group:
        chosen, rejected = row.example.chosen, row.example.rejected
        if rejected is None:
            continue
        against = newer.get((rejected, chosen))
        if against is not None:
            why = "A newer choice prefers the other of the two replies."
            yield row, Rejection(RejectionReason.CONTRADICTED, why, against.id)
        newer.setdefault((chosen, rejected), row)
