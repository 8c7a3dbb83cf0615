"""Wraps every request: gives it an id, counts it, and answers HEAD and uncaught exceptions."""

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import error_response
from server.metrics import Metrics

ON_LEAVING = "loralei.on_leaving"
"""In the scope of a request: functions to call once its answer is sent."""

_log = logging.getLogger(__name__)


class RequestFrame:
    """Gives every response an `x-request-id`, logs and counts it, and answers crashes with 500.

    HEAD is answered as GET is, without the body.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req-{uuid.uuid4().hex}"
        is_head = scope["method"] == "HEAD"
        leaving: list[Callable[[], None]] = []
        inner = {**scope, ON_LEAVING: leaving, **({"method": "GET"} if is_head else {})}
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
                await send(message)
                if is_head:  # the end: the application sees that nobody listens
                    await send({"type": "http.response.body"})
            elif not is_head:
                await send(message)

        started = time.perf_counter()
        try:
            await self._app(inner, receive, send_with_id)
        except Exception as error:
            _log.exception("request %s crashed", request_id)
            if status:
                raise  # a part was sent already: the connection must break
            await error_response(error)(scope, receive, send_with_id)
        finally:
            for leave in leaving:
                leave()
            method, route = scope["method"], _route(inner)
            self._metrics.count_request(method, route, status)
            seconds = time.perf_counter() - started
            # The route, not the path: paths hold names of people.
            _log.info("%.7s %s %d in %.3f s, %s", method, route, status, seconds, request_id)


def _route(scope: Scope) -> str:
    route: Any = scope.get("route")
    return getattr(route, "path", "unmatched")
