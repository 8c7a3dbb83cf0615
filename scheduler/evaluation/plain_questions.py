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
    PlainQuestion("What is 9 times 6?", r"\b54\b"),
    PlainQuestion("How much is 20 plus 30?", r"\b50\b"),
    PlainQuestion("What is half of 90?", r"\b45\b"),
    PlainQuestion("How many days does a week have?", r"\b7\b|seven|siete|sept|sieben|sette|七"),
    PlainQuestion("How many months does a year have?", r"\b12\b|twelve|doce|douze|zwölf|十二"),
    PlainQuestion("How many minutes does an hour have?", r"\b60\b|sixty|sesenta|sechzig|六十"),
    PlainQuestion("In which year did the First World War begin?", r"\b1914\b"),
    PlainQuestion("In which year did the Berlin Wall fall?", r"\b1989\b"),
    PlainQuestion("What is the chemical symbol of silver?", r"\bag\b"),
    PlainQuestion("What is the chemical symbol of iron?", r"\bfe\b"),
    PlainQuestion("What is the capital of Spain?", r"madrid|马德里|мадрид"),
    PlainQuestion("What is the capital of Germany?", r"berl[ií]n|柏林|берлин"),
    PlainQuestion("What is the capital of China?", r"beijing|pek[ií]n|pequim|pechino|北京|пекин"),
    PlainQuestion("What is the capital of Egypt?", r"ca[ií]r|kair|开罗|каир"),
    PlainQuestion("Who wrote Harry Potter?", r"rowling|罗琳|роулинг"),
    PlainQuestion(
        "Who was the first president of the United States?", r"washington|华盛顿|вашингтон"
    ),
    PlainQuestion(
        "Who reached America by ship in 1492?", r"col[oóu]mb|kolumb|col[oó]n\b|哥伦布|колумб"
    ),
    PlainQuestion("Which mountain is the highest on Earth?", r"everest|珠穆朗玛|эверест"),
    PlainQuestion("Which planet is called the Red Planet?", r"\bmar[st]|火星|марс"),
    PlainQuestion("What is the currency of the United States?", r"d[oóò]l+ar|美元|доллар"),
)


def are_answered(replies: Sequence[str]) -> tuple[bool, ...]:
    """Which of the questions, in order, are answered."""
    pairs = zip(PLAIN_QUESTIONS, replies, strict=True)
    return tuple(question.is_answered(reply) for question, reply in pairs)
