"""API keys: how they look, how they are made, and how one is recognised (pure but for randomness).

A key is `lk-<public id>-<secret>`; only the SHA-256 of the whole key is ever stored.
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
    """A fresh key: `text` is shown once, the rest is stored."""

    text: str
    public_id: str
    hash: str


def new_key() -> NewKey:
    """Make a key with a 256-bit random secret."""
    return preset_key(f"lk-{secrets.token_hex(8)}-{secrets.token_urlsafe(32)}")


def preset_key(text: str) -> NewKey:
    """Use a key that the operator chose.

    Raises `ValueError` where it is too short, too long, or holds anything but visible ASCII.
    """
    if not MIN_PRESET_LENGTH <= len(text) <= MAX_LENGTH:
        raise ValueError(f"a key has {MIN_PRESET_LENGTH} to {MAX_LENGTH} characters")
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("a key has only visible ASCII characters")
    return NewKey(text, public_id(text), _hash(text))


def public_id(text: str) -> str:
    """The part by which a key is looked up; for a key of another form, made from its hash."""
    match = _PUBLIC_ID.fullmatch(text)
    return match[1] if match else f"preset-{_hash(text)[:16]}"


def matches(text: str, stored_hash: str) -> bool:
    """Whether this is the key with that hash, in time that does not depend on the answer."""
    return hmac.compare_digest(_hash(text), stored_hash)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
