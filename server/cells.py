"""Which cell a user lives in: the hash that nginx's `split_clients` makes. Pure.

An owner is what the proxy sees of a user: `lk-` and the public part of a key, or a frontend's name,
a slash, and its name for the user. Like a header's value it has one character for each byte.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_WHOLE = 10_000
_MAX = 0xFFFFFFFF
_WORD = 0x5BD1E995
CELL_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_KEY = re.compile(r"(lk-[0-9a-f]{16})-")


@dataclass(frozen=True, slots=True)
class Cells:
    """All cells in the order of the proxy's file, each with its share of users in percent.

    `here` is this server's own. Without any, everybody lives here.
    """

    here: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)

    def home_of(self, owner: str) -> str:
        """The name of the cell that the hash gives an owner."""
        value, last = murmur_hash2(owner.encode("latin-1", "replace")), 0
        *first, rest = self.shares or {self.here: 100.0}
        for name in first:
            last += round(self.shares[name] * 100) * _MAX // _WHOLE
            if value < last:
                return name
        return rest

    def is_home(self, owner: str) -> bool:
        """Whether the hash leads an owner here."""
        return not self.shares or self.home_of(owner) == self.here


def checked_shares(here: str, shares: Mapping[str, float]) -> None:
    """Raises `ValueError` if cells have wrong names or shares, or if `here` is none of them."""
    if not shares and not here:
        return
    if here not in shares:
        raise ValueError(f"cells must name this cell, {here!r}, with its share")
    for name, percent in shares.items():
        if not CELL_NAME.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no name of a cell: use a-z, 0-9 and -, at most 32")
        if not 0 < percent <= 100 or round(percent, 2) != percent:
            raise ValueError("the share of a cell is a percentage with at most two decimals")
    if round(sum(shares.values()), 2) != 100:
        raise ValueError("the shares of all cells are 100 together")


def owner_of_key(key: str) -> str | None:
    """The owner that a user's own key names; None if the proxy cannot read it."""
    match = _KEY.match(key)
    return match[1] if match else None


def owner_of_public_id(public_id: str) -> str:
    """The same for the stored public part of a key."""
    return f"lk-{public_id}"


def owner_of_named(frontend: str, external_id: str) -> str:
    """The owner that a frontend's request names."""
    return f"{frontend.encode().decode('latin-1')}/{external_id}"


def map_line(owner: str, cell: str) -> str:
    """A line of nginx's `map` that sends an owner to another cell than its hash does."""
    try:
        text = owner.encode("latin-1").decode()
    except UnicodeError:
        text = owner
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" {cell};'


def murmur_hash2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2 with the seed 0, in 32 bits, as nginx has it."""
    value, end = len(data), len(data) & ~3
    for at in range(0, end, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _WORD & _MAX
        word = (word ^ word >> 24) * _WORD & _MAX
        value = (value * _WORD & _MAX) ^ word
    if tail := data[end:]:
        value = (value ^ int.from_bytes(tail, "little")) * _WORD & _MAX
    value = (value ^ value >> 13) * _WORD & _MAX
    return value ^ value >> 15
