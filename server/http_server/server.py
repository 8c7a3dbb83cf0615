"""Runs the application: listens, announces its URL, and finishes open requests on SIGTERM."""

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from server.app import create_app
from server.http_server.connections import BoundedConnection, Connections, connection_limit
from server.services import Services

# Connections that wait to be accepted. Whom the kernel turns away tries again after a second.
_LISTEN_QUEUE = 2048


class HttpServer(uvicorn.Server):
    """uvicorn for these services. It calls `on_listening` with its URL."""

    def __init__(self, services: Services, on_listening: Callable[[str], None]) -> None:
        settings = services.settings
        limit = connection_limit(settings.max_connections)
        config = uvicorn.Config(
            create_app(services),
            host=settings.host,
            port=settings.port,
            loop="asyncio",
            http=BoundedConnection,
            ws="none",
            # So many are accepted in one go, before the first of them is counted, and so many wait.
            backlog=max(1, limit // 8),
            timeout_keep_alive=settings.keep_alive_timeout,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=[*settings.trusted_proxies],
            timeout_graceful_shutdown=settings.drain_timeout,
            server_header=False,
            access_log=False,
            # Warnings are about requests, and any stranger can send many.
            log_level="error",
        )
        super().__init__(config)
        self.server_state = Connections(limit, settings.request_timeout)
        self._services = services
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then announce the URL."""
        await super().startup(sockets)
        for listener in self.servers[0].sockets:  # more may wait than are accepted in one go
            with listener.dup() as same:
                same.listen(_LISTEN_QUEUE)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._services.announce(url)
        self._on_listening(url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Finish open requests, then stop with exit status 0; a second Ctrl-C does not wait."""
        self._services.begin_drain()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
