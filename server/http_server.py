"""Runs the application: listens, announces its URL, and finishes open requests on SIGTERM."""

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from server.app import create_app
from server.services import Services


class HttpServer(uvicorn.Server):
    """uvicorn for these services. It calls `on_listening` with its URL."""

    def __init__(self, services: Services, on_listening: Callable[[str], None]) -> None:
        settings = services.settings
        config = uvicorn.Config(
            create_app(services),
            host=settings.host,
            port=settings.port,
            timeout_graceful_shutdown=settings.drain_timeout,
            server_header=False,
            access_log=False,
            log_level="warning",
        )
        super().__init__(config)
        self._services = services
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then announce the URL."""
        await super().startup(sockets)
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
