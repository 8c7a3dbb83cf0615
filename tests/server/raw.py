"""Plain sockets, for requests that no client library would send."""

import select
import socket
from http.client import BadStatusLine, HTTPResponse
from urllib.parse import urlsplit

PATIENCE_SECONDS = 30


def connect(url: str) -> socket.socket:
    """An open connection to a server. Close it, or use it in a `with`."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)


def head(
    method: str = "GET", path: str = "/health", key: str | None = None, length: int | None = None
) -> bytes:
    """The head of a request with this key, and with a body of this length."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test"]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def read_status(connection: socket.socket) -> int | None:
    """Read a whole response: its status, or None if the connection was closed."""
    response = HTTPResponse(connection)
    try:
        response.begin()
        response.read()
    except (BadStatusLine, ConnectionError):
        return None
    return response.status


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed the connection; what it sent is read and dropped."""
    while select.select([connection], [], [], 0)[0]:
        try:
            if not connection.recv(65_536):
                return True
        except ConnectionError:
            return True
    return False
