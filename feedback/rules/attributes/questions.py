"""A question at the end of a reply: never or always."""

from feedback.rules.attributes.attribute import choice
from feedback.text.marks import GREEK_QUESTION, QUESTION_MARKS
from feedback.text.scripts import compiled
from feedback.text.structure import sentence_texts, sentences

_SENTENCES = {"none": "Does not end with a question.", "some": "Ends with a question."}

_QUESTION = compiled(rf"[{QUESTION_MARKS}]|{GREEK_QUESTION}")


def _asks(text: str) -> bool:
    last = sentence_texts(text)[-1:]
    return last != [] and _QUESTION.search(last[0], max(0, len(last[0]) - 3)) is not None


def _holds(text: str, value: str) -> bool:
    return _asks(text) == (value == "some")


def _drop(text: str, value: str) -> str | None:
    if value == "some":
        return None
    while _asks(text):
        text = text[: sentences(text)[-1][0]].rstrip()
    return text


FINAL_QUESTION = choice("final question", _SENTENCES, _holds, _drop)
