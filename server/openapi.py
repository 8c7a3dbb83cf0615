"""The OpenAPI document, with the errors that each operation can answer.

A route declares the errors that are its own. Those that every operation of a kind has follow from
the kind: whether it needs a key, whose, and what it reads.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from server.auth import ADMIN_PATHS
from server.errors import ErrorEnvelope

# The framework documents bad values as a 422, unless a route says something of all its 4XX.
_ANY_ERROR: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorEnvelope}}


class DocumentedApi(FastAPI):
    """An application whose document names every status that an operation can answer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(responses=_ANY_ERROR, **options)

    def openapi(self) -> dict[str, Any]:
        """The document; it is made once."""
        if not self.openapi_schema:
            for path, operations in super().openapi()["paths"].items():
                for method, operation in operations.items():
                    _name_errors(path, method, operation)
        assert self.openapi_schema is not None
        return self.openapi_schema


def _name_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    error = responses.pop("4XX")
    for status in _errors(path, method, operation):
        described = {**error, "description": HTTPStatus(status).phrase}
        responses.setdefault(str(status), described)
    operation["responses"] = dict(sorted(responses.items()))


def _errors(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    """The statuses that follow from what an operation needs and reads."""
    parameters = operation.get("parameters", ())
    body = operation.get("requestBody")
    if parameters or body:
        yield 400
    if any(each["in"] == "path" for each in parameters):
        yield 404
    if body:
        yield from (408, 413)
        if "application/json" in body["content"]:
            yield 415
    if "security" in operation:
        yield from (401, 429, 503)
        if path.startswith(ADMIN_PATHS):
            yield 403
        if method != "get":
            yield 507
    yield 500
