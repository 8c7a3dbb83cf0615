"""The admin API for the command line: of the running server, or of the same app in-process.

Without a server, the data folder is locked until the client closes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import httpx

from server.client import ApiError, Client
from server.data_folder import find_server
from server.settings import Settings

_LOADING_SECONDS = 900.0


class InProcess(httpx.BaseTransport):
    """Lets a client call an ASGI app in this process. A streamed answer comes whole, at its end."""

    def __init__(self, app: httpx.ASGITransport, runner: asyncio.Runner) -> None:
        self._app = app
        self._runner = runner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The app's answer."""
        return self._runner.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._app.handle_async_request(request)
        body = httpx.ByteStream(await response.aread())
        return httpx.Response(response.status_code, headers=response.headers, stream=body)


@contextlib.contextmanager
def open_admin(
    settings: Settings, *, needs_model: bool, on_admin_key: Callable[[str], None]
) -> Iterator[Client]:
    """Yield a client of the server that uses the data folder, else of the app in-process.

    In-process, `needs_model` loads the base model, and `on_admin_key` gets the first admin's key if
    this made it. Raises `ApiError`, `DataFolderError`, `ValueError`.
    """
    server = find_server(settings.data_dir)
    with contextlib.ExitStack() as stack:
        transport: httpx.BaseTransport
        if server is not None:
            # Without the environment's proxies, whichever address the server listens on.
            url, token, transport = server.url, server.token, httpx.HTTPTransport()
        else:
            url = "http://in-process"
            token, app = stack.enter_context(_in_process(settings, needs_model, on_admin_key))
            transport = InProcess(app, stack.enter_context(asyncio.Runner()))
        yield stack.enter_context(Client(url, token, transport=transport))


@contextlib.contextmanager
def _in_process(
    settings: Settings, needs_model: bool, on_admin_key: Callable[[str], None]
) -> Iterator[tuple[str, httpx.ASGITransport]]:
    # Imported here: it takes seconds, and most commands find a running server.
    from server.app import create_app
    from server.services import Services

    services = Services(settings)
    try:
        if services.new_admin_key is not None:
            on_admin_key(services.new_admin_key)
        if needs_model:
            services.start()
            if not services.wait_until_loaded(_LOADING_SECONDS):
                raise ApiError(services.failure or "the model took too long to load")
        yield services.cli_token, httpx.ASGITransport(create_app(services))
    finally:
        services.stop()
