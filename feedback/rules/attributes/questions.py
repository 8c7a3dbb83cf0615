"""A question at the end of a reply: never or always."""

from feedback.rules.attributes.attribute import choice
from feedback.text.structure import sentence_texts, sentences

_SENTENCES = {"none": "Does not end with a question.", "some": "Ends with a question."}


def _asks(text: str) -> bool:
    last = sentence_texts(text)[-1:]
    return last != [] and "?" in last[0][-3:]


def _holds(text: str, value: str) -> bool:
    return _asks(text) == (value == "some")


def _drop(text: str, value: str) -> str | None:
    if value == "some":
        return None
    while _asks(text):
        text = text[: sentences(text)[-1][0]].rstrip()
    return text


FINAL_QUESTION = choice("final question", _SENTENCES, _holds, _drop)
