"""Plain questions whose answer is a number, a name or a sign: the same in most languages and forms.

They show whether a model still says what it knows, however it says it. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ANSWER_TOKENS = 48


@dataclass(frozen=True, slots=True)
class PlainQuestion:
    """A question and a regular expression that matches every right answer."""

    text: str
    answer: str

    def is_answered(self, reply: str) -> bool:
        """Whether the reply holds the answer."""
        return re.search(self.answer, reply, re.IGNORECASE) is not None


PLAIN_QUESTIONS = (
    PlainQuestion("What is 7 + 5?", r"\b12\b"),
    PlainQuestion("What is 12 times 3?", r"\b36\b"),
    PlainQuestion("What is 100 divided by 4?", r"\b25\b"),
    PlainQuestion("What is the square root of 81?", r"\b9\b"),
    PlainQuestion("How much is 50 minus 8?", r"\b42\b"),
    PlainQuestion("In which year did the Second World War end?", r"\b1945\b"),
    PlainQuestion("What is the chemical symbol of gold?", r"\bau\b"),
    PlainQuestion("What is the chemical formula of water?", r"h(2|₂|_2|~2~)o"),
    PlainQuestion("Who wrote Romeo and Juliet?", r"shakespeare|莎士比亚|шекспир"),
    PlainQuestion("Who painted the Mona Lisa?", r"leonardo|vinci|达·?芬奇|леонардо"),
    PlainQuestion("Who developed the theory of relativity?", r"einstein|爱因斯坦|эйнштейн"),
    PlainQuestion("Who was the first person on the Moon?", r"armstrong|阿姆斯特朗|армстронг"),
    PlainQuestion("What is the capital of Japan?", r"tok[iy]o|tóquio|东京|токио"),
    PlainQuestion("What is the capital of Italy?", r"\brom[ae]?\b|rzym|罗马|рим"),
    PlainQuestion("In which country is the Eiffel Tower?", r"fran[ck]|法国|франц"),
    PlainQuestion("Which ocean is the largest?", r"pa[cz][ií]fi|太平洋|тихий"),
    PlainQuestion("What is the currency of Japan?", r"\by[eè]n|日元|иен"),
    PlainQuestion("How many legs does a spider have?", r"\b8\b|eight|ocho|acht|huit|otto|oito|八"),
    PlainQuestion("How many sides does a hexagon have?", r"\b6\b|six|seis|sechs|sei\b|六"),
    PlainQuestion("Which planet is closest to the Sun?", r"mercur|merkur|水星|меркур"),
)


def are_answered(replies: Sequence[str]) -> tuple[bool, ...]:
    """Which of the questions, in order, are answered."""
    pairs = zip(PLAIN_QUESTIONS, replies, strict=True)
    return tuple(question.is_answered(reply) for question, reply in pairs)
