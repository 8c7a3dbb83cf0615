"""The one exception of the client, and how responses lead to it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx


class ApiError(RuntimeError):
    """The server refused, or could not be reached; the message is a sentence for the user.

    `status` is the HTTP status, None without a response or in the middle of a stream. `code` is
    the server's word for the reason, such as `adapter_withdrawn`, or None.
    """

    def __init__(self, message: str, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@contextmanager
def reaching_server() -> Iterator[None]:
    """Raise what goes wrong on the way to the server as `ApiError`."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise ApiError(f"the server does not answer ({reason}): is it running?") from error


def error_in(response: httpx.Response) -> ApiError:
    """The error that a response names."""
    status = response.status_code
    try:
        return error_of(response.json(), status)
    except (ValueError, LookupError, TypeError):
        return ApiError(f"the server answered with status {status}", status)


def error_of(body: Mapping[str, Any], status: int | None = None) -> ApiError:
    """The error in OpenAI's envelope."""
    error = body["error"]
    return ApiError(str(error["message"]), status, error.get("code"))


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The object in a response. Raises `ApiError` if there is none."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ApiError(f"{response.url.host} is no Loralei server", response.status_code)
    return answer
