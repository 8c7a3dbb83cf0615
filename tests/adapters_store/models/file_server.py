"""A small HTTP server on the loopback device that serves one file, well or badly."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class FileServer:
    """What is served, how, and what was asked for.

    `statuses` and `cuts` are used up request by request: answer with that status; send so many
    bytes and hang up. `ranges` collects the Range headers.
    """

    content: bytes
    honours_ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve_file(file: FileServer) -> Iterator[FileServer]:
    """Serve it under `file.url` inside the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, file)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    file.url = f"http://127.0.0.1:{server.server_address[1]}/file.whl"
    try:
        yield file
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(request: BaseHTTPRequestHandler, file: FileServer) -> None:
    asked = request.headers.get("Range")
    file.ranges.append(asked)
    if file.statuses:
        request.send_response(file.statuses.pop(0))
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    start = first_byte(asked) if file.honours_ranges else 0
    size = len(file.content)
    if start >= size:
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{size}")
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
    request.send_header("Content-Length", str(size - start))
    request.end_headers()
    body = file.content[start:]
    request.wfile.write(body[: file.cuts.pop(0)] if file.cuts else body)


def first_byte(asked: str | None) -> int:
    match = re.fullmatch(r"bytes=(\d+)-", asked or "bytes=0-")
    assert match is not None
    return int(match[1])
