"""Whether the base model follows instructions in notes: probed once per base, cached in a file.

Small models do not: told to write in lower case, they write as before.
"""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from adapters_store.durable import write_json
from adapters_store.errors import PromptError
from feedback.memory.demonstrations import with_memory
from feedback.records import Memory, Message
from server.engine.errors import ContextOverflowError, EngineOverloadedError, GenerationError
from server.engine.interface import Engine
from server.engine.records import SamplingParams

REPLY_TOKENS = 24

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Probe:
    """An instruction, a question, and whether a reply follows it; none follows by chance."""

    instruction: str
    question: str
    is_followed: Callable[[str], bool]


PROBES = (
    Probe("Write everything in lower case.", "Who was Isaac Newton?", str.islower),
    Probe("WRITE EVERYTHING IN CAPITAL LETTERS.", "What is rain?", str.isupper),
    Probe(
        "Begin every reply with: Dear friend,",
        "How do plants get their food?",
        lambda reply: reply.startswith("Dear friend"),
    ),
    Probe("My name is Sam. Call me by my name.", "Hello!", lambda reply: "Sam" in reply),
    Probe(
        "Answer in French.",
        "What is the capital of Italy?",
        lambda reply: "capitale" in reply.lower(),
    ),
    Probe(
        "Answer with a single word.", "What colour is grass?", lambda reply: len(reply.split()) == 1
    ),
)
MIN_FOLLOWED = 4
"""Of the six probes: a teacher that is right in about 70 % of cases is worth its errors."""


def follows_most(replies: Sequence[str]) -> bool:
    """Whether enough replies, in the order of `PROBES`, follow their instructions."""
    pairs = zip(PROBES, replies, strict=True)
    return sum(probe.is_followed(reply.strip()) for probe, reply in pairs) >= MIN_FOLLOWED


def _conversation(probe: Probe) -> tuple[Message, ...]:
    """What a chat would send if the user had made the instruction a comment."""
    return with_memory([Message("user", probe.question)], Memory(notes=(probe.instruction,)))


class InstructionProbe:
    """Probes the engine in the background, once."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        prompts = [[m.content for m in _conversation(probe)] for probe in PROBES]
        content = [REPLY_TOKENS, *prompts]
        name = sha256(json.dumps(content).encode()).hexdigest()
        self._engine = engine
        self._file = folder / f"notes-{engine.revision[:16]}-{name[:8]}.json"
        self._lock = threading.Lock()
        self._is_started = False
        self._answer: bool | None = None

    def follows_instructions(self) -> bool:
        """Whether the base model follows instructions; True until that is known.

        Chats may keep the probe waiting, and whoever wrote a comment expects the next reply to heed
        it. A base that does not follow it writes as before.
        """
        self.begin()
        return self._answer is not False

    def begin(self) -> None:
        """Look up or probe the answer, unless that has begun."""
        with self._lock:
            if not self._is_started:
                self._is_started = True
                if self._file.exists():
                    cached = json.loads(self._file.read_text(encoding="utf-8"))
                    self._answer = bool(cached["notes_help"])
                else:
                    threading.Thread(target=self._probe, name="probe", daemon=True).start()

    def _probe(self) -> None:
        try:
            answer = follows_most(asyncio.run(self._replies()))
        except (PromptError, ContextOverflowError):
            answer = False
        except (EngineOverloadedError, GenerationError) as error:
            _log.info("the instruction probe is tried again later: %s", error)
            with self._lock:
                self._is_started = False
            return
        self._answer = answer
        with contextlib.suppress(OSError):  # the next start probes again
            write_json(self._file, {"notes_help": answer})

    async def _replies(self) -> list[str]:
        return await asyncio.gather(*(self._reply(probe) for probe in PROBES))

    async def _reply(self, probe: Probe) -> str:
        prompt_ids = self._engine.render(_conversation(probe))
        params = SamplingParams(temperature=0, max_tokens=REPLY_TOKENS)
        generation = self._engine.submit(prompt_ids, params, None, user="", is_background=True)
        try:
            text = "".join([delta.text async for delta in generation])
            return self._engine.renderer.without_reasoning(text)
        finally:
            generation.cancel()
