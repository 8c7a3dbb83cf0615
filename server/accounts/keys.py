"""API keys: format, creation and comparison.

A key is `lk-<public id>-<secret>`; only the SHA-256 of the whole key is stored.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

MIN_PRESET_LENGTH = 16
MAX_LENGTH = 256
_PUBLIC_ID = re.compile(r"lk-([0-9a-f]{16})-[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key: `text` is shown once, the rest is stored."""

    text: str
    public_id: str
    hash: str


def new_key() -> NewKey:
    """Make a key with a 256-bit random secret."""
    return preset_key(f"lk-{secrets.token_hex(8)}-{secrets.token_urlsafe(32)}")


def preset_key(text: str) -> NewKey:
    """A key that the operator chose. Raises `ValueError` for a wrong length, or not plain ASCII."""
    if not MIN_PRESET_LENGTH <= len(text) <= MAX_LENGTH:
        raise ValueError(f"a key has {MIN_PRESET_LENGTH} to {MAX_LENGTH} characters")
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("a key has only visible ASCII characters, without spaces")
    return NewKey(text, public_id(text), _hash(text))


def public_id(text: str) -> str:
    """The lookup part of a key; for a preset key of another format, derived from its hash."""
    match = _PUBLIC_ID.fullmatch(text)
    return match[1] if match else f"preset-{_hash(text)[:16]}"


def is_guessable(text: str) -> bool:
    """Whether it is not a key that was made here, with 256 random bits."""
    return not _PUBLIC_ID.fullmatch(text)


def matches(text: str, stored_hash: str) -> bool:
    """Whether the key has this hash, compared in constant time."""
    return hmac.compare_digest(_hash(text), stored_hash)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
