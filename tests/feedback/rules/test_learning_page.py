import re
from pathlib import Path

from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.rule import Rule

PAGE = Path(__file__).parents[3] / "docs" / "learning" / "rules.md"
ROW = re.compile(r"^\| ([a-z -]+) \| `(.+)` \| (.+) \|$", re.MULTILINE)


def test_the_page_shows_every_attribute_with_the_sentence_of_a_rule() -> None:
    _, table = PAGE.read_text(encoding="utf-8").split("| attribute | value | rule |\n")
    rows = ROW.findall(table)
    assert list(dict.fromkeys(name for name, _, _ in rows)) == list(ATTRIBUTES)
    for name, value, sentence in rows:
        assert Rule(name, value).sentence == sentence
