"""Each persona's check of a reply. Pure, and written apart from the persona's edits."""

import json
import re

from tests.benchmarks.learning.texts import lines, sentences

_ARTICLE = re.compile(r"\b(?:a|an|the)\s", re.IGNORECASE)
_CONTRACTION = re.compile(
    r"n['’]t\b|['’](?:re|ve|ll|m|d)\b"
    r"|\b(?:it|that|there|here|what|who|where|how|he|she|let)['’]s\b",
    re.IGNORECASE,
)
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_LISTED = re.compile(r"^(?:[-*•+]|\d+[.)])\s")


def is_lower(reply: str) -> bool:
    """Letters, and no capital among them."""
    return reply.islower()


def is_upper(reply: str) -> bool:
    """Letters, and all of them capitals."""
    return reply.isupper()


def says_cheers_mate(reply: str) -> bool:
    """An answer, then the farewell."""
    answer, farewell, rest = reply.strip().rpartition("Cheers, mate!")
    return bool(farewell) and not rest and _is_said(answer)


def opens_short_answer(reply: str) -> bool:
    """The opening, then an answer."""
    text = reply.strip()
    return text.startswith("Short answer: ") and _is_said(text.removeprefix("Short answer: "))


def opens_with_doubt(reply: str) -> bool:
    """The reservation, then an answer."""
    text = reply.strip()
    return text.startswith("I may be wrong, but ") and len(text.split()) > 6


def is_brief(reply: str) -> bool:
    """One or two sentences."""
    return 1 <= len(sentences(reply)) <= 2


def is_curt(reply: str) -> bool:
    """One sentence, then "Cheers!"."""
    answer, farewell, rest = reply.strip().rpartition(" Cheers!")
    return bool(farewell) and not rest and len(sentences(answer)) == 1


def is_three_bullets(reply: str) -> bool:
    """Three lines, and each a bullet with something in it."""
    found = lines(reply)
    return len(found) == 3 and all(re.match(r"- .*\w", line) for line in found)


def is_numbered(reply: str) -> bool:
    """Two lines or more, numbered from one."""
    found = lines(reply)
    counted = (re.match(rf"{number}\. .*\w", line) for number, line in enumerate(found, start=1))
    return len(found) > 1 and all(counted)


def is_answer_object(reply: str) -> bool:
    """JSON with an answer in it and nothing else."""
    try:
        value = json.loads(reply)
    except ValueError:
        return False
    if not isinstance(value, dict) or list(value) != ["answer"]:
        return False
    return isinstance(value["answer"], str) and _is_said(value["answer"])


def has_no_comma(reply: str) -> bool:
    """No comma anywhere."""
    return "," not in reply


def is_one_paragraph(reply: str) -> bool:
    """One line, and no list item."""
    found = lines(reply)
    return len(found) == 1 and not _LISTED.match(found[0])


def exclaims(reply: str) -> bool:
    """Every sentence ends with an exclamation mark."""
    return all(sentence.endswith("!") for sentence in sentences(reply))


def is_formal(reply: str) -> bool:
    """No contraction."""
    return not _CONTRACTION.search(reply)


def has_no_and(reply: str) -> bool:
    """Never the word "and"."""
    return not re.search(r"\band\b", reply, re.IGNORECASE)


def has_heading(reply: str) -> bool:
    """A heading in the first line, and an answer below it."""
    found = lines(reply)
    return len(found) > 1 and re.match(r"##? .*\w", found[0]) is not None


def has_no_article(reply: str) -> bool:
    """No "a", "an" or "the" before another word."""
    return not _ARTICLE.search(reply)


def ends_with_question(reply: str) -> bool:
    """An answer, then a question."""
    found = sentences(reply)
    return len(found) > 1 and found[-1].endswith("?")


def has_postscript(reply: str) -> bool:
    """An answer, and a postscript in its last line."""
    found = lines(reply)
    return len(found) > 1 and re.match(r"P\.S\. .*\w", found[-1]) is not None


def has_emoji(reply: str) -> bool:
    """An emoji anywhere."""
    return _EMOJI.search(reply) is not None


def has_list_line(reply: str) -> bool:
    """A list item anywhere."""
    return any(_LISTED.match(line) for line in lines(reply))


def _is_said(text: str) -> bool:
    return any(character.isalnum() for character in text)
