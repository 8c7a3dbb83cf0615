"""Which adapters one vLLM server knows, and who uses them."""

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Sequence

from adapters_store.records import ServableAdapter
from server.engine.vllm.adapter_links import AdapterLinks, name_of
from server.engine.vllm.client import VllmClient
from server.engine.vllm.errors import ServerGoneError

MOST_KNOWN = 256
"""Names that a server keeps of adapters that nobody uses; in its memory it keeps fewer."""

log = logging.getLogger(__name__)


class Registrations:
    """An adapter is registered and tried out at its first lease. Use it on one event loop.

    It is unloaded without leases only: if its files are gone, or if it was used least recently of
    more than `MOST_KNOWN`.
    """

    def __init__(
        self, client: VllmClient, links: AdapterLinks, probe_ids: Sequence[int], left: set[str]
    ) -> None:
        """A reply to `probe_ids` tries an adapter out. An earlier start may have `left` names."""
        self._client = client
        self._links = links
        self._probe_ids = list(probe_ids)
        self._registering: OrderedDict[str, asyncio.Task[None]] = OrderedDict()
        self._adapters: dict[str, ServableAdapter] = {}
        self._leases: Counter[str] = Counter()
        self._stale = left
        self.loads = 0

    @property
    def num_known(self) -> int:
        """How many adapters the server knows."""
        return len(self._registering)

    @property
    def names_in_use(self) -> set[str]:
        """The names that it may still read files of."""
        return {*self._registering, *self._leases}

    @contextlib.asynccontextmanager
    async def lease(self, adapter: ServableAdapter) -> AsyncIterator[str]:
        """The adapter's name, which stays registered within the block.

        Raises `RefusedError` if the server cannot load it, `AdapterGoneError` if it was unloaded
        meanwhile, `ServerGoneError`, and what `AdapterFiles.open` raises.
        """
        name = name_of(adapter)
        self._leases[name] += 1
        try:
            await self._register(name, adapter)
            yield name
        finally:
            self._leases[name] -= 1
            if not self._leases[name]:
                del self._leases[name]

    def forget(self, adapter: ServableAdapter) -> None:
        """Note that the server does not know an adapter any more."""
        self._drop(name_of(adapter))

    async def meet(self, listed: set[str]) -> None:
        """Compare with the names that the server lists, after it was away."""
        for name in [*self._registering]:
            if name not in listed and self._registering[name].done():
                self._drop(name)
        for name in self._stale & listed:
            await self._client.unload(name)
        self._stale.clear()

    async def tidy(self, *, is_up: bool) -> None:
        """Unload what nobody needs; if the server is away, when it is back."""
        unused = [name for name in self._registering if not self._leases[name]]
        adapters = [self._adapters[name] for name in unused]
        erased = await asyncio.to_thread(self._links.erased, adapters)
        surplus = max(0, len(self._registering) - MOST_KNOWN)
        for name in unused:
            if self._leases[name] or not (name in erased or surplus > 0):
                continue
            surplus -= 1
            self._drop(name)
            self._stale.add(name)
        for name in [*self._stale] if is_up else ():
            with contextlib.suppress(ServerGoneError):
                if name in self._stale:  # nobody asked for it meanwhile
                    await self._client.unload(name)
                self._stale.discard(name)

    async def _register(self, name: str, adapter: ServableAdapter) -> None:
        task = self._registering.get(name)
        if task is None or _has_failed(task):
            task = asyncio.create_task(self._load(name, adapter))
            task.add_done_callback(_has_failed)  # or asyncio complains if nobody waits any more
            self._registering[name] = task
            self._adapters[name] = adapter
            self._stale.discard(name)
        self._registering.move_to_end(name)
        await asyncio.shield(task)

    async def _load(self, name: str, adapter: ServableAdapter) -> None:
        folder = await asyncio.to_thread(self._links.make, adapter)
        await self._client.load(name, folder)
        probe = {"model": name, "prompt": self._probe_ids, "max_tokens": 1, "temperature": 0}
        await self._client.complete(probe)
        self.loads += 1

    def _drop(self, name: str) -> None:
        self._registering.pop(name, None)
        self._adapters.pop(name, None)


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
