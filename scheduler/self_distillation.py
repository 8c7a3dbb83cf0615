"""Lets the base put a user's corrections into its own words, where they still say the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from feedback.examples.build import example_id
from feedback.examples.dataset import with_sides
from feedback.filters.records import WRITTEN_BY_HAND
from feedback.records import Dataset, ExampleKind, TrainingExample
from feedback.rules.rule import Rule
from scheduler.rewording import request, satisfies, within_limit


def in_own_words(
    dataset: Dataset, rules: Sequence[Rule], ask: Callable[[Sequence[str]], list[str]]
) -> tuple[Dataset, str]:
    """The dataset with the base's wordings in place of corrections, and how many in a sentence.

    `ask` gives the base's reply to each prompt. Held-out rows stay as a person wrote them, because
    they measure, and pairs, because they say which of two texts that person preferred.
    """
    asked = {row.id: text for row in dataset.train if (text := _request(row)) is not None}
    wordings = dict(zip(asked, ask(list(asked.values())) if asked else (), strict=True))
    known = {row.id for row in dataset.examples}
    train = tuple(_reworded(dataset.train, wordings, rules, known))
    count = len({row.id for row in dataset.train} - {row.id for row in train})
    corrections = f"{len(asked)} correction" if len(asked) == 1 else f"{len(asked)} corrections"
    sentence = (
        f"Of {corrections} the base put {count} into its own words; the rest stay as written."
    )
    return with_sides(dataset, train, dataset.held_out), sentence


def _request(row: TrainingExample) -> str | None:
    is_correction = row.kind is ExampleKind.SFT and row.source in WRITTEN_BY_HAND
    if not is_correction or row.revised_from is None or row.is_cut:
        return None
    return within_limit(request(row.prompt, row.chosen))


def _reworded(
    rows: Sequence[TrainingExample],
    wordings: dict[str, str],
    rules: Sequence[Rule],
    known: set[str],
) -> Iterator[TrainingExample]:
    """No wording may make a row that is there already."""
    for row in rows:
        wording = wordings.get(row.id, "").strip()
        name = example_id(row.kind, row.prompt, wording, None, row.weight, row.revised_from)
        if name not in known and satisfies(wording, row.chosen, row.revised_from or "", rules):
            known.add(name)
            yield replace(row, id=name, chosen=wording)
        else:
            yield row
