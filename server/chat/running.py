"""A reply that is written whether or not anybody reads it, and can be read from its beginning."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from feedback.records import Interaction, InteractionStatus
from server.chat.recording import Recorder, interaction
from server.chat.replies import Choice, ChoiceDelta, Replies
from server.chat.turn import Turn
from server.engine.errors import GenerationError
from server.services import Services

UNREAD_SECONDS = 300.0
MAX_UNREAD = 4
"""So many replies of one user go on without a reader; another one stops."""


class ReplyStoppedError(GenerationError):
    """The user stopped this reply, or nobody read it for too long."""


class RunningReply:
    """Writes the replies of a turn in a task of its own, and stores them at the end.

    It begins with one reader. Without any for `UNREAD_SECONDS` it stops. Use it on the event loop.
    """

    def __init__(
        self, services: Services, turn: Turn, replies: Replies, recorder: Recorder
    ) -> None:
        assert turn.user is not None
        self.turn = turn
        self.replies = replies
        self.recorder = recorder
        self.id = turn.id
        self.user_id = turn.user.id
        self.conversation_id = turn.conversation_id
        self._others = services.running
        self._readers = 1
        self._failure: Exception | None = None
        self._is_over = False
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._others.add(self)
        self._writing = asyncio.create_task(self._write())

    @property
    def is_read(self) -> bool:
        """Whether somebody reads it now."""
        return self._readers > 0

    def interaction(self) -> Interaction:
        """The turn with what is written so far, as if it were stopped now."""
        return interaction(self.turn, self.user_id, self.replies, InteractionStatus.ABORTED)

    def join(self) -> None:
        """Somebody reads it, until `leave`."""
        self._readers += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def leave(self) -> None:
        """A reader is gone. The last one gives it a time in which it may be read again."""
        self._readers -= 1
        if self._readers or self._is_over:
            return
        if self._others.count_unread(self.user_id) > MAX_UNREAD:
            await self.cancel()
        else:
            self._timer = self._loop.call_later(UNREAD_SECONDS, self._writing.cancel)

    async def cancel(self) -> None:
        """Stop writing; what was written is stored as stopped."""
        self._writing.cancel()
        await asyncio.wait([self._writing])

    def discard(self) -> None:
        """End it, and store nothing. May be called from any thread."""
        self.recorder.discard()
        self._loop.call_soon_threadsafe(self._writing.cancel)

    async def deltas(self, heartbeat: float) -> AsyncGenerator[ChoiceDelta | None, None]:
        """Yield what is written so far, then new text as it comes, and None after every `heartbeat`
        seconds without any. The turn is stored when it ends.

        Raises what ended the writing early.
        """
        read = [_Position() for _ in self.replies.choices]
        while True:
            news, is_over = self._news, self._is_over
            for index, (choice, position) in enumerate(
                zip(self.replies.choices, read, strict=True)
            ):
                if (delta := position.advance(index, choice)) is not None:
                    yield delta
            if is_over:
                break
            try:
                async with asyncio.timeout(heartbeat):
                    await news.wait()
            except TimeoutError:
                yield None
        if self._failure is not None:
            raise self._failure

    async def _write(self) -> None:
        self._failure = ReplyStoppedError("The reply was stopped.")
        try:
            async for _ in self.replies.deltas(UNREAD_SECONDS):
                self._tell()
            # Before the client knows that the reply is complete: its feedback must find the turn.
            await self.recorder.complete()
            self._failure = None
        except Exception as error:  # each reader raises it
            self._failure = error
        finally:
            await self.recorder.close()
            self._others.remove(self)
            self._is_over = True
            self._tell()
            if self._timer is not None:
                self._timer.cancel()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


@dataclass(slots=True)
class _Position:
    """How much of a choice one reader has."""

    content: int = 0
    reasoning: int = 0
    logprobs: int = 0
    calls: int = 0

    def advance(self, index: int, choice: Choice) -> ChoiceDelta | None:
        """What is new of the choice; None if nothing is."""
        logprobs = None if choice.logprobs is None else choice.logprobs[self.logprobs :]
        delta = ChoiceDelta(
            index,
            choice.content[self.content :],
            logprobs,
            choice.reasoning[self.reasoning :],
            choice.tool_calls[self.calls :],
            self.calls,
        )
        self.content, self.reasoning = len(choice.content), len(choice.reasoning)
        self.logprobs, self.calls = len(choice.logprobs or ()), len(choice.tool_calls)
        is_new = delta.content or delta.reasoning or delta.logprobs or delta.tool_calls
        return delta if is_new else None
