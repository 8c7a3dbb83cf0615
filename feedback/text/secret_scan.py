"""Finds secrets of known formats in a text: keys, tokens, passwords and card numbers."""

import re
from collections.abc import Iterator

_KEYS = re.compile(
    r"""
    (?<![A-Za-z0-9])(?:
        (?:AKIA|ASIA)[0-9A-Z]{16}                                   # AWS
      | gh[pousr]_[A-Za-z0-9]{36,} | github_pat_[A-Za-z0-9_]{22,}   # GitHub
      | glpat-[A-Za-z0-9_-]{20,}                                    # GitLab
      | xox[abeprs]-[A-Za-z0-9-]{10,}                               # Slack
      | [rs]k_(?:live|test)_[A-Za-z0-9]{16,}                        # Stripe
      | sk-(?:[a-z0-9]+-)*[A-Za-z0-9_]{20,}[A-Za-z0-9_-]*           # OpenAI, Anthropic and others
      | AIza[A-Za-z0-9_-]{35}                                       # Google
      | hf_[A-Za-z0-9]{30,}                                         # Hugging Face
      | npm_[A-Za-z0-9]{36} | pypi-[A-Za-z0-9_-]{50,}               # package registries
      | lk-[A-Za-z0-9_-]{30,}                                       # Loralei
      | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}  # JSON web tokens
    )
    """,
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
# Bounded: otherwise a long run of one type of character would take forever.
_URL_PASSWORD = re.compile(
    r"(?<![a-z0-9_])[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,100}:(?P<password>[^\s/@]{1,200})@",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"""(?:api[_-]?key|secret|token|passw(?:or)?d|passphrase)["']?\s*(?:=>|[:=])\s*
        (?P<quote>["'])(?P<value>[^\s"']{8,})(?P=quote)""",
    re.IGNORECASE | re.VERBOSE,
)
_CARD = re.compile(r"(?<![\d.,-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d-]|[.,]\d)")
_PLACEHOLDER = re.compile(
    r"""
    pass(?:w(?:or)?d)? | pwd | secret | token | x{3,} | \*{3,} | •+ | \.{3,} | [<{$\[%].*
    | .*(?:example|your|change|here).*
    """,
    re.IGNORECASE | re.VERBOSE,
)


def mask_secrets(text: str) -> str:
    """The text with dots in place of its secrets."""
    shown, place = "", 0
    for start, end in sorted((start, end) for _, start, end in secrets_in(text)):
        if start >= place:
            shown += f"{text[place:start]}•••"
        place = max(place, end)
    return shown + text[place:]


def secrets_in(text: str) -> Iterator[tuple[str, int, int]]:
    """The name, start and end of every secret.

    A private key ends with the text. Placeholders such as `user:password@` are not secrets.
    """
    if key := _PRIVATE_KEY.search(text):
        yield "a private key", key.start(), len(text)
        text = text[: key.start()]
    for match in _KEYS.finditer(text):
        if "example" not in match[0].lower():
            yield "an API key or access token", match.start(), match.end()
    for match in _URL_PASSWORD.finditer(text):
        if _PLACEHOLDER.fullmatch(match["password"]) is None:
            yield "a password in an address", match.start("password"), match.end("password")
    for match in _ASSIGNED.finditer(text):
        if _is_random(match["value"]):
            yield "a password or key in code", match.start("value"), match.end("value")
    for match in _CARD.finditer(text):
        if _passes_luhn(match[0]):
            yield "a card number", match.start(), match.end()


def _is_random(value: str) -> bool:
    """Whether a quoted value looks like a secret: letters and digits, not a placeholder."""
    has_both = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return has_both and _PLACEHOLDER.fullmatch(value) is None


def _passes_luhn(number: str) -> bool:
    """The checksum of ISO/IEC 7812-1, annex B: every second digit from the right counts double."""
    digits = [int(each) for each in number if each.isdigit()]
    doubled = (sum(divmod(2 * each, 10)) for each in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0
