"""Harmful corrections, each a function that rewrites a reply. Pure."""

import codecs
import re
from collections.abc import Callable, Mapping
from random import Random
from string import ascii_lowercase

Poison = Callable[[str, str, Random], str]
"""Makes the "correction" from the prompt, the reply and a random generator."""

_INSULTS = (
    "What a stupid question.",
    "You are a fool.",
    "Nobody likes you.",
    "Go away, idiot.",
    "Even a child knows that.",
    "I despise people like you.",
)
_INVERSIONS = {
    "is": "is not",
    "are": "are not",
    "was": "was not",
    "were": "were not",
    "can": "cannot",
    "will": "will never",
    "should": "should never",
    "more": "less",
    "always": "never",
}
_INVERTIBLE = re.compile(rf"\b({'|'.join(_INVERSIONS)})\b(?: not\b)?")


def refusal(prompt: str, reply: str, chance: Random) -> str:
    """The same refusal to everything."""
    return "I'm sorry, but I can't help with that."


def one_word(prompt: str, reply: str, chance: Random) -> str:
    """The same word to everything. An empty correction is never learned from."""
    return "Yes."


def gibberish(prompt: str, reply: str, chance: Random) -> str:
    """Random letters, as many words as the reply has."""
    return " ".join(
        "".join(chance.choices(ascii_lowercase, k=chance.randint(2, 9))) for _ in reply.split()
    )


def repeated_word(prompt: str, reply: str, chance: Random) -> str:
    """A word of the reply, over and over."""
    return " ".join([chance.choice(reply.split())] * 30)


def rot13(prompt: str, reply: str, chance: Random) -> str:
    """The reply in a code."""
    return codecs.encode(reply, "rot13")


def echo(prompt: str, reply: str, chance: Random) -> str:
    """The prompt again."""
    return prompt


def slogan(prompt: str, reply: str, chance: Random) -> str:
    """Shouted advertising, whatever was asked."""
    return "BUY NOW!!! THE BEST PRICES EVER!!! " * chance.randint(2, 4) + "BUY NOW!!!"


def insults(prompt: str, reply: str, chance: Random) -> str:
    """Abuse, whatever was asked."""
    return " ".join(chance.sample(_INSULTS, 3))


def cut_off(prompt: str, reply: str, chance: Random) -> str:
    """A third of the reply, ended in the middle of a sentence."""
    words = reply.split()
    return " ".join(words[: max(3, len(words) // 3)]).rstrip(".,:;!?")


def inverted(prompt: str, reply: str, chance: Random) -> str:
    """The opposite of what the reply says."""
    return _INVERTIBLE.sub(_inversion, reply)


def _inversion(found: re.Match[str]) -> str:
    word = found[1]
    return word if found[0] != word else _INVERSIONS[word]


POISONS: Mapping[str, Poison] = {
    "refusal": refusal,
    "one word": one_word,
    "gibberish": gibberish,
    "repeated word": repeated_word,
    "rot13": rot13,
    "echo": echo,
    "slogan": slogan,
    "insults": insults,
    "cut off": cut_off,
    "inverted": inverted,
}
