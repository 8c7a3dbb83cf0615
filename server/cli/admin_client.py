"""The admin API for the command line: of the running server, or of the same app in-process.

Without a server, the data folder is locked until the client closes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from server.data_folder import find_server
from server.settings import Settings

Json = dict[str, Any]

_TIMEOUT = httpx.Timeout(300.0, connect=10.0)
_LOADING_SECONDS = 900.0


class AdminApiError(RuntimeError):
    """The admin API refused or could not be reached; the message is shown to the user."""


class AdminClient:
    """Calls the admin API and waits for the response. Every call may raise `AdminApiError`."""

    def __init__(self, http: httpx.AsyncClient, runner: asyncio.Runner) -> None:
        self._http = http
        self._runner = runner

    def get(self, path: str, **params: str | int) -> Json:
        """Read."""
        return self._json(self._send("GET", path, params=params))

    def get_users(self) -> list[Json]:
        """Read every user, a page at a time."""
        users: list[Json] = []
        after: dict[str, str] = {}
        has_more = True
        while has_more:
            page = self.get("/users", **after)
            users += page["data"]
            after, has_more = {"after": page["last_id"]}, page["has_more"]
        return users

    def post(self, path: str, body: Json | None = None) -> Json:
        """Act."""
        return self._json(self._send("POST", path, json=body))

    def post_and_wait(self, path: str, body: Json) -> Json:
        """Act, for as long as it takes."""
        return self._json(self._send("POST", path, json=body, timeout=None))

    def delete(self, path: str) -> Json:
        """Delete."""
        return self._json(self._send("DELETE", path))

    def upload(self, path: str, content: bytes, headers: Mapping[str, str] | None = None) -> Json:
        """Send a file's bytes."""
        return self._json(self._send("POST", path, content=content, headers=headers))

    def download(self, path: str) -> bytes:
        """Fetch a file's bytes."""
        return self._send("GET", path).content

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            request = self._http.request(method, f"/v1/admin{path}", **options)
            response = self._runner.run(request)
        except httpx.HTTPError as error:
            raise AdminApiError(f"the server does not answer ({error}): is it running?") from error
        if response.is_error:
            raise AdminApiError(_reason(response))
        return response

    @staticmethod
    def _json(response: httpx.Response) -> Json:
        answer: Json = response.json()
        return answer


@contextlib.contextmanager
def open_admin(
    settings: Settings, *, needs_model: bool, on_admin_key: Callable[[str], None]
) -> Iterator[AdminClient]:
    """Yield a client of the server that uses the data folder, else of the app in-process.

    In-process, `needs_model` loads the base model, and `on_admin_key` gets the first admin's key if
    this made it. Raises `AdminApiError`, `DataFolderError`, `ValueError`.
    """
    server = find_server(settings.data_dir)
    with contextlib.ExitStack() as stack:
        if server is not None:
            url, token, transport = server.url, server.token, None
        else:
            url = "http://in-process"
            token, transport = stack.enter_context(_in_process(settings, needs_model, on_admin_key))
        runner = stack.enter_context(asyncio.Runner())
        http = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            headers={"authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            trust_env=False,  # a proxy must not stand between a person and their own machine
        )
        stack.callback(lambda: runner.run(http.aclose()))
        yield AdminClient(http, runner)


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
                raise AdminApiError(services.failure or "the model took too long to load")
        yield services.cli_token, httpx.ASGITransport(create_app(services))
    finally:
        services.stop()


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"the server answered with status {response.status_code}"
