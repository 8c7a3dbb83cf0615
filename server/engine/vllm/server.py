"""One vLLM server: whether it may be asked, what it knows, and what it writes now."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from adapters_store.base_model import BaseOutline
from adapters_store.records import LoraConfig, ServableAdapter
from server.engine.vllm.adapter_links import AdapterLinks
from server.engine.vllm.check import ServedBase, describe, look_at, try_out
from server.engine.vllm.client import VllmClient
from server.engine.vllm.errors import ServerSlowError, UnsuitableServerError
from server.engine.vllm.health import Health
from server.engine.vllm.registrations import Registrations

JOIN_SECONDS = 120.0

_PROBE = "Hello"

log = logging.getLogger(__name__)


class VllmServer:
    """Use it on one event loop. It is left out until `join`."""

    def __init__(
        self,
        client: VllmClient,
        outline: BaseOutline,
        lora: LoraConfig,
        *,
        model_folder: Path,
        links: AdapterLinks,
    ) -> None:
        self.client = client
        self.health = Health()
        self.served: ServedBase | None = None
        self.num_running = 0
        self._reported = ""
        self._outline = outline
        self._lora = lora
        self._model_folder = model_folder
        self._links = links
        probe_ids = outline.renderer.text_ids(_PROBE)
        self.adapters = Registrations(client, links, probe_ids, links.names())

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.client.url

    @property
    def base_name(self) -> str:
        """The base model's name there."""
        return self.served.name if self.served else ""

    async def join(self, context_length: int | None = None) -> None:
        """Check the server; from then on it may be asked.

        With a `context_length`, it must take as much. Raises `UnsuitableServerError`,
        `ServerGoneError`.
        """
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await self._check(context_length)
        except TimeoutError as error:
            raise ServerSlowError("it does not pass the check in time") from error
        self.health.note_success()

    async def _check(self, context_length: int | None) -> None:
        client, outline = self.client, self._outline
        served = await look_at(client, outline.name, self._model_folder)
        if context_length is not None and served.context_length < context_length:
            raise UnsuitableServerError(
                f"it takes {served.context_length} tokens, and the others {context_length}: start"
                " all with the same --max-model-len"
            )
        await try_out(client, outline, self._lora, self._links.root, served.name)
        await self.adapters.meet({str(each["id"]) for each in await client.models()})
        self.served = served

    async def look_after(self, context_length: int) -> None:
        """Check its health, or whether it is back. Raises nothing."""
        was_up = self.health.is_up
        try:
            if was_up:
                await self.client.check_health()
                self.health.note_success()
            elif time.monotonic() >= self.health.next_check:
                await self.join(context_length)
                self._reported = ""
                log.warning("the vLLM server at %s answers again", self.url)
        except Exception as error:  # anything may answer there
            is_slow = isinstance(error, ServerSlowError)
            if was_up and is_slow and not self.health.note_timeout():
                return
            self.note_failure(error)

    def note_failure(self, error: Exception) -> None:
        """Leave the server out until it is healthy."""
        self.health.note_failure(time.monotonic())
        problem = describe(self.url, error)
        if problem != self._reported:
            self._reported = problem
            log.error("%s. It is left out until it is healthy", problem)

    @contextlib.asynccontextmanager
    async def model_for(self, adapter: ServableAdapter | None) -> AsyncIterator[str]:
        """The name to ask for. Raises as `Registrations.lease`."""
        if adapter is None:
            yield self.base_name
            return
        async with self.adapters.lease(adapter) as name:
            yield name


def remove_unused_links(links: AdapterLinks, servers: Collection[VllmServer]) -> None:
    """Delete the folders of adapters that no server knows any more."""
    used = {name for server in servers for name in server.adapters.names_in_use}
    for name in links.names() - used:
        links.remove(name)
