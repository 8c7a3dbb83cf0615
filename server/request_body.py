"""Reads request bodies: bounded in bytes and in time, and strict JSON.

Python's parser also accepts NaN, infinities, lone surrogates and any depth; storage does not.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from server.errors import RequestError

MAX_DEPTH = 64
_DRAINED_BYTES = 64 << 20
_EXACT = 1 << 53  # up to here a float is every integer
# Slower than any modem. Apache's mod_reqtimeout has the same default.
_BYTES_PER_SECOND = 500


class StrictRequest(Request):
    """A request whose body has a limit and whose JSON is strict."""

    async def body(self) -> bytes:
        """The whole body.

        Raises `RequestError`: 413 if it is larger than the limit, 400 if it is empty, 408 if it
        does not arrive, 415 if it is compressed.
        """
        if not hasattr(self, "_body"):
            if (encoding := self.headers.get("content-encoding", "identity")) != "identity":
                message = f"content-encoding {encoding[:40]!r} is not supported: send plain JSON."
                raise RequestError(415, message, param="content-encoding")
            limit = self.app.state.services.settings.max_body_bytes
            self._body = await read_bounded(self, limit)
            if not self._body.strip():
                raise RequestError(400, "The body is empty: send a JSON object.")
        return self._body

    async def json(self) -> Any:
        """The parsed body. Raises `RequestError` (400) if it is not strict JSON."""
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route that reads its body as a `StrictRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the request before anything reads it."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            # Whatever the client calls its body, it is read as JSON: curl says that it is a form.
            headers = [each for each in request.scope["headers"] if each[0] != b"content-type"]
            headers.append((b"content-type", b"application/json"))
            scope = {**request.scope, "headers": headers}
            return await handle(StrictRequest(scope, request.receive))

        return handle_strictly


def body_of(content_type: str, *, required: bool = True) -> dict[str, Any]:
    """What the OpenAPI document says of a body that the route reads itself."""
    content = {content_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": required, "content": content}}


def sends(*content_types: str) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of a 200 that is no JSON."""
    return {200: {"content": {each: {} for each in content_types}}}


async def read_bounded(request: Request, limit: int) -> bytes:
    """Read at most `limit` bytes. Raises `RequestError` as `bounded_stream` does."""
    return b"".join([chunk async for chunk in bounded_stream(request, limit)])


async def bounded_stream(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Yield the body in pieces.

    Raises `RequestError`: 413 once the body is larger than `limit`, 408 if it does not arrive.
    """
    too_large = RequestError(413, f"The body is larger than {limit} bytes.")
    size = 0
    body = _timely(request)
    if _declared_length(request) <= limit:
        async for chunk in body:
            size += len(chunk)
            if size > limit:
                break
            yield chunk
        else:
            return
    # A client that is still sending does not read the answer: read the rest and drop it.
    async for chunk in body:
        size += len(chunk)
        if size > limit + _DRAINED_BYTES:
            break
    raise too_large


async def drain(request: Request, limit: int) -> None:
    """Read the rest of a body and drop it. Raises `RequestError` as `bounded_stream` does."""
    async for _ in bounded_stream(request, limit):
        pass


async def _timely(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces. Every piece buys time, but never more than there is at first."""
    left = longest = request.app.state.services.settings.request_timeout
    body = request.stream()
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(left):
                piece = await anext(body, None)
        except TimeoutError as error:
            message = "The body did not arrive in time: send all of it, faster."
            raise RequestError(408, message, headers={"connection": "close"}) from error
        if piece is None:
            return
        left -= time.monotonic() - began
        yield piece
        left = min(longest, left + len(piece) / _BYTES_PER_SECOND)


def _declared_length(request: Request) -> int:
    value = request.headers.get("content-length", "")
    return int(value) if value.isdecimal() and len(value) < 20 else 0


def parse_json(raw: bytes) -> Any:
    """Parse strict JSON. Raises `RequestError` (400) with the reason."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse, parse_float=_number)
    except json.JSONDecodeError as error:
        raise RequestError(
            400, f"The body is not JSON: {error.msg} at character {error.pos}."
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        message = "The body is not UTF-8, or holds a number with too many digits."
        raise RequestError(400, message) from error
    _check(value)
    return value


def _refuse(constant: str) -> Any:
    raise RequestError(400, f"The body is not JSON: {constant} is not a JSON number.")


def _number(text: str) -> float:
    """A number with a point or an exponent; 8.0 is an integer, as in JSON Schema."""
    number = float(text)
    if not math.isfinite(number):
        raise RequestError(400, "The body holds a number that is too large.")
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _check(root: Any) -> None:
    """Refuse nesting beyond `MAX_DEPTH` and text that is not Unicode, without recursion."""
    level = [root]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
        if not below:
            return
        level = below
    raise _too_deep()


def _check_text(text: str) -> None:
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(400, "The body holds a lone surrogate: send valid Unicode.") from error


def _too_deep() -> RequestError:
    return RequestError(400, f"The body is nested more than {MAX_DEPTH} levels deep.")
