"""Locks out peers that send wrong keys, each time for twice as long. Pure: times are arguments."""

import ipaddress
import threading
from dataclasses import dataclass

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
FORGOTTEN_AFTER = 600.0
MAX_PEERS = 10_000


@dataclass(slots=True)
class _Peer:
    wrong: int = 0
    last_wrong: float = 0.0
    locked_until: float = 0.0


class Lockout:
    """Counts the wrong keys of each peer, from any thread."""

    def __init__(self, max_wrong: int) -> None:
        self._max_wrong = max_wrong
        self._peers: dict[str, _Peer] = {}  # the one that was wrong last comes last
        self._lock = threading.Lock()

    def seconds_left(self, address: str, now: float) -> float:
        """How long this peer is still locked out; 0 if it is not."""
        known = self._peers.get(peer_of(address))
        return 0.0 if known is None else max(0.0, known.locked_until - now)

    def note_wrong(self, address: str, now: float) -> bool:
        """Count a wrong key. Returns whether it is the one that locks this peer out first."""
        name = peer_of(address)
        with self._lock:
            peer = self._peers.pop(name, None)
            if peer is None or now - peer.last_wrong > FORGOTTEN_AFTER:
                peer = _Peer()
            self._peers[name] = peer
            if len(self._peers) > MAX_PEERS:
                del self._peers[next(iter(self._peers))]
            if now < peer.locked_until:  # by a request that came at the same time
                return False
            peer.wrong += 1
            peer.last_wrong = now
            times = peer.wrong - self._max_wrong
            if times >= 0:
                # The exponent is bounded: a float has no more than 1024.
                seconds = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(times, 32))
                peer.locked_until = now + seconds
        return times == 0


def peer_of(address: str) -> str:
    """What counts as one peer: an IPv4 address, or the network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    # Whoever has an IPv6 address usually has the 2^64 beside it.
    return str(ipaddress.ip_network((int(ip), 64), strict=False))
