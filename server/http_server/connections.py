"""Connections under limits: how many there are, and how long each may wait.

uvicorn closes connections only if they are idle between two requests. Here a request must also
arrive in time, and if there are too many connections, the one that is idle longest is closed.
"""

import asyncio
import logging
import resource
import socket
import sys
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_log = logging.getLogger(__name__)
_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def connection_limit(wanted: int) -> int:
    """How many connections the process can have open, at most `wanted`.

    The other half of its files is for everything else, and for connections that are accepted in
    the same moment. The soft limit of files is raised if it is too low.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    files = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    if files < needed:
        message = "%d files can be open, so only %d connections, not %d: raise `ulimit -Hn` to %d"
        _log.warning(message, files, files // 2, wanted, needed)
    return files // 2


class Connections(ServerState):
    """The open connections, and the limits that each of them keeps."""

    def __init__(self, limit: int, request_timeout: float) -> None:
        super().__init__()
        self.limit = limit
        self.request_timeout = request_timeout
        self.idle: dict[BoundedConnection, None] = {}  # the longest idle first

    def make_room(self) -> None:
        """After a connection was added: close the one that is idle longest, if there are too many.

        If all others are busy, that is the new one.
        """
        if len(self.connections) > self.limit and self.idle:
            oldest = next(iter(self.idle))
            del self.idle[oldest]
            oldest.transport.abort()


class BoundedConnection(H11Protocol):
    """One connection, which is busy, between two requests, or waiting for the rest of one.

    uvicorn's own timer ends the second. This one ends the third.
    """

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._shared = server_state
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        if sys.platform == "linux":
            # The kernel ends the connection of a client that does not read its responses.
            unread = socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * self.timeout_keep_alive
            transport.get_extra_info("socket").setsockopt(*unread)
        self._watch()
        self._shared.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._shared.idle.pop(self, None)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        """Read on; the head of a request makes the connection busy."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the rest of the request, or for the next one."""
        self.cycle.body = bytearray()  # nobody reads it any more
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._unset_keepalive_if_required()
        self._watch()

    def _watch(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._shared.idle.pop(self, None)
            self._stop_timer()
            return
        self._shared.idle.setdefault(self)
        if self._timer is None and self.timeout_keep_alive_task is None:
            self._timer = self.loop.call_later(self._shared.request_timeout, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        has_begun = bool(self.conn.trailing_data[0])
        if has_begun and self.conn.our_state is h11.IDLE:
            self.transport.write(_LATE)
        self.transport.close()
