"""The pages can be read: short sentences, and pages of about one screen."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
LEARNING = [DOCS / "learning.md", *sorted((DOCS / "learning").glob("*.md"))]
SHORT_PAGES = [
    *LEARNING,
    *(
        DOCS / f"{name}.md"
        for name in ("architecture", "frontends", "glossary", "operating", "security")
    ),
]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
MAX_LINES = 120
MAX_WORDS = 40


def sentences(text: str) -> Iterator[str]:
    """The sentences of a page, without what a benchmark wrote, code blocks, tables and headings.

    A code span is one word; an item of a list begins a sentence.
    """
    text = re.sub(r"<!-- (.+?): begin -->.*?<!-- \1: end -->", "", text, flags=re.S)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    text = re.sub(r"^[|#].*$", "", text, flags=re.M)
    text = re.sub(r"`[^`]+`", "code", text)
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
    for paragraph in re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", text):
        yield from re.split(r"(?<=[.!?])(?<!al\.)(?<!e\.g\.)[”\")*]*\s+", paragraph.strip())


def is_too_long(sentence: str) -> bool:
    return len(sentence.split()) > MAX_WORDS


def test_sentences_are_told_apart() -> None:
    page = "# Title\n\nOne (Li et al. 2016). Two `a b`!\n- Three\n- Four\n\n| no | row |\n"
    assert [*sentences(page)] == ["", "One (Li et al. 2016).", "Two code!", "Three", "Four", ""]


def ids(pages: list[Path]) -> list[str]:
    return [page.relative_to(ROOT).as_posix() for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_no_sentence_of_a_page_is_too_long(page: Path) -> None:
    assert [*filter(is_too_long, sentences(page.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("page", SHORT_PAGES, ids=ids(SHORT_PAGES))
def test_no_page_is_too_long(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
