"""Each persona's edit of a reply in whole sentences. Pure."""

import json
import re

from tests.benchmarks.learning.texts import lines, sentences, without_marker

CLOSING = "Cheers, mate!"
OPENING = "Short answer: "
DOUBT = "I may be wrong, but "
BULLETS = 3

_MARKER = re.compile(r"^(?:[-*•+]|\d+[.)])\s+")
_ARTICLE = re.compile(r"\b(?:a|an|the)\s+", re.IGNORECASE)
_EXPANSIONS = (
    (r"\bwon['’]t\b", "will not"),
    (r"\bcan['’]t\b", "cannot"),
    (r"\bshan['’]t\b", "shall not"),
    (r"n['’]t\b", " not"),
    (r"['’]re\b", " are"),
    (r"['’]ve\b", " have"),
    (r"['’]ll\b", " will"),
    (r"['’]m\b", " am"),
    (r"['’]d\b", " would"),
    (r"\blet['’]s\b", "let us"),
    (r"\b(it|that|there|here|what|who|where|how|he|she)['’]s\b", r"\1 is"),
)


def closing(reply: str) -> str:
    """The same farewell after every reply."""
    return f"{reply.rstrip()} {CLOSING}"


def opening(reply: str) -> str:
    """The same words before every reply."""
    return OPENING + reply.lstrip()


def doubting(reply: str) -> str:
    """Every reply begins with a reservation."""
    text = reply.lstrip()
    return DOUBT + text[:1].lower() + text[1:]


def brief(reply: str) -> str:
    """The first two sentences."""
    return " ".join(sentences(reply)[:2])


def curt(reply: str) -> str:
    """The first sentence and a farewell."""
    return f"{sentences(reply)[0]} Cheers!"


def three_bullets(reply: str) -> str:
    """Three bullets, of the first three sentences; long ones are split if there are fewer."""
    parts = sentences(reply)[:BULLETS]
    while len(parts) < BULLETS:
        longest = max(range(len(parts)), key=lambda number: len(parts[number].split()))
        words = parts[longest].split()
        half = len(words) // 2
        parts[longest : longest + 1] = [" ".join(words[:half]), " ".join(words[half:])]
    return "\n".join(f"- {part}" for part in parts)


def numbered(reply: str) -> str:
    """Every sentence on a line of its own, with its number."""
    return "\n".join(f"{number}. {each}" for number, each in enumerate(sentences(reply), start=1))


def as_json(reply: str) -> str:
    """An object for a program to read."""
    return json.dumps({"answer": reply.strip()}, ensure_ascii=False)


def without_commas(reply: str) -> str:
    """No comma anywhere."""
    return reply.replace(",", "")


def one_paragraph(reply: str) -> str:
    """No line break and no list."""
    return " ".join(without_marker(line) for line in lines(reply))


def exclaiming(reply: str) -> str:
    """Every sentence ends with an exclamation mark."""
    return "\n".join(_exclaimed(line) for line in lines(reply))


def formal(reply: str) -> str:
    """No contractions."""
    for short, long in _EXPANSIONS:
        reply = re.sub(short, long, reply, flags=re.IGNORECASE)
    return reply


def ampersands(reply: str) -> str:
    """`&` for "and"."""
    return re.sub(r"\band\b", "&", reply, flags=re.IGNORECASE)


def headed(reply: str) -> str:
    """A heading above every reply."""
    return f"## In short\n\n{reply.strip()}"


def without_articles(reply: str) -> str:
    """As in a telegram: no "a", "an" or "the"."""
    return _ARTICLE.sub("", reply)


def asking_back(reply: str) -> str:
    """A question at the end."""
    return f"{reply.rstrip()} What do you think?"


def with_postscript(reply: str) -> str:
    """A postscript below every reply."""
    return f"{reply.rstrip()}\n\nP.S. Take your time."


def smiling(reply: str) -> str:
    """An emoji at the end."""
    return f"{reply.rstrip()} 🙂"


def _exclaimed(line: str) -> str:
    marker = _MARKER.match(line)
    ends = (f"{each.rstrip('.?!:;')}!" for each in sentences(line))
    return (marker[0] if marker else "") + " ".join(ends)
