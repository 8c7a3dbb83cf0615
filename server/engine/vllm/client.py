"""Speaks HTTP with one vLLM server."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx

from server.engine.vllm.errors import (
    AdapterGoneError,
    RefusedError,
    ServerFailedError,
    ServerGoneError,
    ServerSlowError,
    UnsuitableServerError,
)
from server.engine.vllm.wire import Json, Written, written

_CONNECT_SECONDS = 5.0
_CHECK_SECONDS = 5.0
# A long prompt on a CPU; a server that hangs is found by its health.
_READ_SECONDS = 600.0
_MOST_DETAIL = 500


class VllmClient:
    """One server. Every method raises `ServerGoneError`, and uses one event loop."""

    def __init__(self, url: str, api_key: str | None) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            # The environment's proxies are for the internet.
            trust_env=False,
            # Reading the certificates takes long.
            verify=url.startswith("https:"),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def check_health(self) -> None:
        """Return if its engine lives."""
        await self._ask("GET", "/health", seconds=_CHECK_SECONDS)

    async def models(self) -> list[Json]:
        """The base model and the adapters that it knows."""
        answer = await self._ask("GET", "/v1/models", seconds=_CHECK_SECONDS)
        models: list[Json] = answer.json()["data"]
        return models

    async def tokenize(self, text: str) -> list[int]:
        """A text's token ids, without special tokens around it."""
        body = {"prompt": text, "add_special_tokens": False}
        answer = await self._ask("POST", "/tokenize", body)
        tokens: list[int] = answer.json()["tokens"]
        return tokens

    async def can_load(self) -> bool:
        """Whether adapters can be loaded at all. Loads nothing."""
        try:
            await self._ask("POST", "/v1/load_lora_adapter", {"lora_name": "", "lora_path": ""})
        except RefusedError:
            return True
        except AdapterGoneError:
            return False
        return True

    async def load(self, name: str, folder: Path) -> None:
        """Register an adapter's folder under a name that no other adapter ever had.

        Never in place: https://github.com/vllm-project/vllm/issues/33791, issues/42125. Raises
        `RefusedError`.
        """
        body = {"lora_name": name, "lora_path": str(folder)}
        response = await self._send("POST", "/v1/load_lora_adapter", body)
        detail = _detail(response)
        if response.is_success or "has already been loaded" in detail:
            return
        _raise_for_key(response)
        # What is wrong with the adapter, such as its rank, is a 500 here.
        raise RefusedError(detail)

    async def unload(self, name: str) -> None:
        """Forget an adapter's name. One that is not known does no harm."""
        try:
            path, body = "/v1/unload_lora_adapter", {"lora_name": name}
            await self._ask("POST", path, body, seconds=_CHECK_SECONDS)
        except AdapterGoneError:
            return

    async def complete(self, body: Json) -> Json:
        """One whole answer. Raises `AdapterGoneError`, `RefusedError`."""
        answer = await self._ask("POST", "/v1/completions", body)
        return _parsed(answer.content)

    async def stream(self, body: Json, num_top: int | None) -> AsyncIterator[Written]:
        """The tokens of a reply as they come. Raises `AdapterGoneError`, `RefusedError`."""
        try:
            async with self._http.stream("POST", "/v1/completions", json=body) as response:
                if not response.is_success:
                    await response.aread()
                    _raise_for(response)
                async with aclosing(_lines(response)) as lines:  # type: ignore[type-var]
                    async for line in lines:
                        if line.startswith(b"data: {"):
                            yield _chunk(_parsed(line[6:]), num_top)
        except httpx.TimeoutException as error:
            raise ServerSlowError("it does not answer in time") from error
        except httpx.TransportError as error:
            raise ServerGoneError(str(error) or type(error).__name__) from error

    async def _ask(
        self, method: str, path: str, body: Json | None = None, seconds: float = _READ_SECONDS
    ) -> httpx.Response:
        response = await self._send(method, path, body, seconds)
        if not response.is_success:
            _raise_for(response)
        return response

    async def _send(
        self, method: str, path: str, body: Json | None = None, seconds: float = _READ_SECONDS
    ) -> httpx.Response:
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        try:
            return await self._http.request(method, path, json=body, timeout=timeout)
        except httpx.TimeoutException as error:
            raise ServerSlowError("it does not answer in time") from error
        except httpx.TransportError as error:
            raise ServerGoneError(str(error) or type(error).__name__) from error


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Its lines end with a line feed: for httpx they also end with the U+2028 of a reply."""
    rest = b""
    async for data in response.aiter_bytes():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line


def _chunk(data: Json, num_top: int | None) -> Written:
    if (error := data.get("error")) is not None:
        raise ServerFailedError(str(error.get("message", error))[:_MOST_DETAIL])
    try:
        return written(data, num_top)
    except (LookupError, ValueError, TypeError) as error:
        raise RefusedError("it answers in an unknown shape: is it vLLM 0.32?") from error


def _parsed(text: bytes) -> Json:
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise ServerFailedError("it answers with something that is not JSON") from error
    if not isinstance(found, dict):
        raise ServerFailedError("it answers with something that is not a JSON object")
    return found


def _raise_for(response: httpx.Response) -> None:
    _raise_for_key(response)
    detail = _detail(response)
    if response.status_code == 404:
        raise AdapterGoneError(detail)
    if response.status_code >= 500 or response.status_code in (408, 429):
        raise ServerFailedError(f"it answers {response.status_code}: {detail}")
    raise RefusedError(detail)


def _raise_for_key(response: httpx.Response) -> None:
    if response.status_code in (401, 403):
        raise UnsuitableServerError(
            "it refuses the key: set `vllm_api_key` to the --api-key that vLLM was started with"
        )


def _detail(response: httpx.Response) -> str:
    """The server's own message, or what there is instead."""
    try:
        message = response.json()["error"]["message"]
    except (ValueError, LookupError, TypeError):
        message = response.text
    return str(message)[:_MOST_DETAIL]
