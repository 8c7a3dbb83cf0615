"""Lists: bulleted, numbered or none, and an exact number of items."""

from collections.abc import Iterable, Sequence

from feedback.rules.attributes.attribute import Attribute, Change, each
from feedback.rules.attributes.removals import without_closer, without_opener
from feedback.text.mark_forms import full_stop_after, gap
from feedback.text.marks import COLONS, COMMAS, SEMICOLONS
from feedback.text.scripts import compiled
from feedback.text.structure import (
    BULLETS,
    NUMBERED,
    Line,
    items_of,
    joined,
    lines_of,
    split_sentences,
)

_MAX_ITEMS = 10
_LOOSE_END = compiled(rf"(?<=\w)[{COMMAS}{SEMICOLONS}]?$")
_SENTENCES = {
    "none": "Writes no lists.",
    "1.": "Writes numbered lists.",
    **{marker: f"Writes numbered lists ({marker})." for marker in NUMBERED[1:]},
}


def _markers(change: Change) -> Iterable[str]:
    items = items_of(change.corrected)
    if not items:
        yield "none"
    elif items[0].is_numbered:
        yield f"1{items[0].marker.strip()[-1]}"
    else:
        yield items[0].marker.strip()


def _is_numbered(marker: str) -> bool:
    return marker[0].isdigit()


def _has_lists(text: str, marker: str) -> bool:
    items = items_of(text)
    if marker == "none" or not items:
        return (marker == "none") == (not items)
    return all(item.is_numbered == _is_numbered(marker) for item in items)


def _with_lists(text: str, marker: str) -> str:
    if marker == "none":
        return _without_lists(text)
    return joined(_marked(lines_of(text) if items_of(text) else _itemised(text), marker))


def _itemised(text: str) -> list[Line]:
    """Every sentence as an item, without pleasantries; a sentence that ends with a colon stays."""
    made: list[Line] = []
    for line in lines_of(without_closer(without_opener(text))):
        if line.kind == "prose":
            pieces = [line.text[start:end] for start, end in split_sentences(line.text)]
            kinds = ["prose" if piece.endswith(tuple(COLONS)) else "item" for piece in pieces]
            made.extend(map(Line, kinds, ["- " if k == "item" else "" for k in kinds], pieces))
        elif line.kind != "blank":
            made.append(line)
    return made


def _marked(lines: Sequence[Line], marker: str) -> list[Line]:
    """The lines with this marker on all items; numbers restart after other lines."""
    made: list[Line] = []
    number = 0
    for line in lines:
        if line.kind == "item":
            number += 1
            mark = f"{number}{marker[1]}" if _is_numbered(marker) else marker
            space = "" if marker[-1] in "、）．・" else " "
            made.append(Line("item", mark + space, line.text))
        else:
            is_part = line.kind == "blank" or str(line)[:1].isspace()
            number = number if is_part else 0
            made.append(line)
    return made


def _without_lists(text: str) -> str:
    """The items of each list as sentences on one line, after the line that announces them."""
    made: list[str] = []
    is_open = False
    for line in lines_of(text):
        if line.kind == "item":
            item = line.text.rstrip()
            sentence = _LOOSE_END.sub(full_stop_after(item), item)
            if is_open:
                made[-1] = f"{made[-1].rstrip()}{gap(made[-1].rstrip())}{sentence}"
            else:
                made.append(sentence)
            is_open = True
        elif line.kind != "blank":
            is_open = line.kind == "prose" and str(line).rstrip().endswith(tuple(COLONS))
            made.append(str(line))
        elif not is_open:
            made.append("")
    return "\n".join(made)


def _marker_sentence(marker: str) -> str:
    return _SENTENCES.get(marker, f"Writes bulleted lists ({marker}).")


def _item_counts(change: Change) -> Iterable[str]:
    count = len(items_of(change.corrected))
    if 2 <= count <= _MAX_ITEMS:
        yield str(count)


def _exactly(text: str, count: str) -> str | None:
    """The text with only the first `count` items; a text without a list becomes one first."""
    lines = lines_of(text) if items_of(text) else _marked(_itemised(text), "-")
    made: list[Line] = []
    seen, is_beyond = 0, False
    for line in lines:
        if line.kind == "item":
            seen += 1
            is_beyond = seen > int(count)
        elif is_beyond and line.kind == "prose" and not str(line)[:1].isspace():
            made.append(Line("blank", "", ""))
            is_beyond = False
        if not is_beyond:
            made.append(line)
    return joined(made)


def _count_sentence(count: str) -> str:
    return f"Writes exactly {count} list {'item' if count == '1' else 'items'}."


MARKER = Attribute(
    "list",
    each(_markers),
    _has_lists,
    _with_lists,
    _marker_sentence,
    lambda value: value in _SENTENCES or value in BULLETS,
)
COUNT = Attribute(
    "list items",
    each(_item_counts),
    lambda text, count: len(items_of(text)) == int(count),
    _exactly,
    _count_sentence,
    lambda value: value in map(str, range(2, _MAX_ITEMS + 1)),
)
