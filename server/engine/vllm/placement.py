"""Which server answers with which adapter. Pure."""

from collections.abc import Sequence
from hashlib import sha256


def ranked(adapter: str, urls: Sequence[str]) -> list[str]:
    """The servers of an adapter, the preferred one first.

    Rendezvous hashing (Thaler and Ravishankar 1998): if a server dies, only its own adapters move.
    """
    return sorted(urls, key=lambda url: sha256(f"{adapter} {url}".encode()).digest(), reverse=True)
