"""Measures what the loaded base model takes: its memory, and its speed in a two-second probe."""

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from adapters_store.errors import PromptError
from feedback.records import Message
from server.base_model.advice import Measured
from server.base_model.machine_memory import available_memory, memory_in_use
from server.engine.engine import LocalEngine
from server.engine.errors import ContextOverflowError, EngineOverloadedError, GenerationError
from server.engine.records import SamplingParams

PROBE_SECONDS = 2.0

_PROMPT = Message("user", "Tell me a long story.")
_MOST_TOKENS = 256
# The first tokens compile kernels and read the prompt.
_WARM_UP = 3
_WARM_UP_SECONDS = 30.0
# A new server writes some replies of its own first.
_PATIENCE_SECONDS = 300.0
_POLL_SECONDS = 0.5


def measure_when_idle(
    engine: LocalEngine, model_folder: Path, is_cancelled: Callable[[], bool]
) -> Measured:
    """What the model of this running engine takes, measured when nobody else uses it.

    Blocks. If the engine stays busy for five minutes, the speed remains unknown.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        measured = measure(engine, model_folder)
        is_measured = measured.tokens_per_second is not None
        if is_measured or is_cancelled() or time.monotonic() > deadline:
            return measured
        time.sleep(_POLL_SECONDS)


def measure(engine: LocalEngine, model_folder: Path) -> Measured:
    """What the model takes now. The speed is unknown if others use the engine: they go first.

    Blocks while the first tokens are written and for `PROBE_SECONDS` more.
    """
    device = engine.base.device
    on_gpu = device.type == "cuda"
    in_use = torch.cuda.memory_reserved(device) if on_gpu else memory_in_use()
    free = torch.cuda.mem_get_info(device)[0] if on_gpu else available_memory()
    return Measured(
        model=engine.model_name,
        weights_bytes=sum(path.stat().st_size for path in model_folder.glob("*.safetensors")),
        memory_bytes=in_use,
        room_bytes=in_use + free,
        tokens_per_second=None if engine.is_busy else asyncio.run(_tokens_per_second(engine)),
    )


async def _tokens_per_second(engine: LocalEngine) -> float | None:
    """The speed of one reply; None if somebody else asks meanwhile, who goes first."""
    try:
        prompt_ids = engine.render([_PROMPT])
        params = SamplingParams(temperature=0, max_tokens=_MOST_TOKENS, ignore_eos=True)
        generation = engine.submit(prompt_ids, params, None, user="")
    except (PromptError, ContextOverflowError, EngineOverloadedError):
        return None
    times: list[tuple[int, float]] = []  # tokens so far, seconds
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WARM_UP_SECONDS) as limit:
                async for delta in generation:
                    if engine.num_running + engine.num_waiting > 1:
                        return None
                    times.append((delta.tokens, time.perf_counter()))
                    if len(times) == _WARM_UP:
                        limit.reschedule(asyncio.get_running_loop().time() + PROBE_SECONDS)
    except GenerationError:  # the server stops
        return None
    finally:
        generation.cancel()
    return rate(times[_WARM_UP - 1 :])


def rate(times: Sequence[tuple[int, float]]) -> float | None:
    """Tokens per second from (tokens so far, seconds) at each piece of text; the median, so that a
    hiccup does not count. None without any pace; below one token per probe the most it can be."""
    if not times:
        return None
    paces = [
        (now - before) / (tokens - fewer)
        for (fewer, before), (tokens, now) in itertools.pairwise(times)
        if tokens > fewer
    ]
    return 1 / statistics.median(paces) if paces else 1 / PROBE_SECONDS
