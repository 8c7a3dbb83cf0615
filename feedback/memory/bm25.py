"""Ranks texts by the words that they share with a question. Each call builds its own index."""

from collections.abc import Sequence
from contextlib import closing

from sqlite_utils.utils import sqlite3

from feedback.records import Memory
from feedback.text.scripts import RUN, compiled, terms

MAX_QUERY_WORDS = 64
_WINDOW = 2
"""Letters that stand for a word where words have no spaces between them."""
_WORD = compiled(RUN)
# By default a mark ends a word.
_TOKENIZE = "porter unicode61 categories ''L* M* N* Co''"


def relevance(texts: Sequence[str], question: str) -> list[float]:
    """One score per text, higher for a better match, 0 if no word of the question occurs.

    Okapi BM25 with SQLite's FTS5 (https://sqlite.org/fts5.html#the_bm25_function), on the stems of
    English words, and on pairs of letters where words have no spaces between them. Only the last
    words of a long question count.
    """
    scores = [0.0] * len(texts)
    words = _words(question)[-MAX_QUERY_WORDS:]
    if not words or not texts:
        return scores
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE texts USING fts5(text, tokenize = '{_TOKENIZE}')")
        connection.executemany(
            "INSERT INTO texts (rowid, text) VALUES (?, ?)",
            [(row, " ".join(_words(text))) for row, text in enumerate(texts)],
        )
        # Quoted, because AND, NOT and NEAR are operators.
        match = " OR ".join(f'"{word}"' for word in dict.fromkeys(words))
        found = connection.execute(
            "SELECT rowid, -bm25(texts) FROM texts WHERE texts MATCH ?", [match]
        )
        for row, score in found:
            scores[row] = score
    return scores


def demonstrations_for(memory: Memory, question: str) -> dict[str, float]:
    """The relevance of each demonstration to a question, by example id.

    By its question and its reply: what is asked again in other words often stands in the reply.
    """
    texts = [f"{each.question}\n{each.reply}" for each in memory.demonstrations]
    scores = relevance(texts, question)
    return {
        each.example_id: score for each, score in zip(memory.demonstrations, scores, strict=True)
    }


def _words(text: str) -> list[str]:
    return terms(_WORD.findall(text), _WINDOW)
