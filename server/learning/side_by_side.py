"""Replies of the base, of memory and of versions to one prompt; nothing of it is stored."""

import asyncio
from dataclasses import dataclass

from adapters_store.reasoning import NO_THINKING
from adapters_store.records import BASE, AdapterVersion
from feedback.records import Message
from server.chat.memory import add_memory
from server.engine.generation import Generation
from server.engine.records import SamplingParams
from server.services import Services
from server.wire.responses import Json

MAX_REPLY_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who answers: the base (None) or a version, with or without the user's memory."""

    name: str
    prompt_ids: tuple[int, ...]
    version: AdapterVersion | None


def plan_replies(services: Services, version: AdapterVersion, prompt: str) -> list[Candidate]:
    """The base, the base with the user's memory, the parent if it may answer, and the version.

    Raises `PromptError` if the chat template refuses the prompt.
    """
    engine = services.runtime.engine
    messages = (Message("user", prompt),)

    def render(these: tuple[Message, ...]) -> list[int]:
        return engine.render(these, options=NO_THINKING)

    prompt_ids = tuple(render(messages))
    with_memory, used = add_memory(
        services,
        version.user_id,
        messages,
        prompt_ids,
        learned=(),
        reply_tokens=MAX_REPLY_TOKENS,
        render=lambda these: render(tuple(these)),
    )
    candidates = [Candidate(BASE, prompt_ids, None)]
    if used.tokens:
        candidates.append(Candidate("memory", with_memory, None))
    parent = services.stores.registry.servable_ancestor(version)
    if parent is not None and services.runtime.fits(parent):
        candidates.append(Candidate(parent.label, prompt_ids, parent))
    return [*candidates, Candidate(version.label, prompt_ids, version)]


async def write_replies(
    services: Services, candidates: list[Candidate], *, asked_by: str, owner: str
) -> list[Json]:
    """The greedy reply of each, all at once. Call it from the event loop.

    Cached prompts hold the user's memory, so they are the owner's alone. Raises
    `ContextOverflowError`, `EngineOverloadedError`, `GenerationError`.
    """
    params = SamplingParams(
        temperature=0.0,
        max_tokens=min(MAX_REPLY_TOKENS, services.settings.max_new_tokens),
    )
    generations: list[Generation] = []
    try:
        for each in candidates:
            generations.append(
                services.runtime.engine.submit(
                    each.prompt_ids,
                    params,
                    each.version,
                    user=asked_by,
                    prefix_scope=f"user {owner}",
                )
            )
        texts = await asyncio.gather(*map(_text, generations))
    finally:
        for generation in generations:
            generation.cancel()
    return [
        {"by": each.name, "content": text} for each, text in zip(candidates, texts, strict=True)
    ]


async def _text(generation: Generation) -> str:
    return "".join([delta.text async for delta in generation])
