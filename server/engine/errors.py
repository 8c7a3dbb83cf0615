"""Errors of the engine. Needs no torch."""


class EngineOverloadedError(RuntimeError):
    """The queue is full, or the engine is stopping."""


class UserQueueFullError(EngineOverloadedError):
    """Too many requests of this user are waiting."""


class ContextOverflowError(ValueError):
    """The prompt leaves no room for a reply."""

    def __init__(self, prompt_tokens: int, context_length: int) -> None:
        super().__init__(
            f"This model's maximum context length is {context_length} tokens, but the messages"
            f" have {prompt_tokens} tokens and leave no room for a reply. Shorten them."
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length


class GenerationError(RuntimeError):
    """The engine failed while writing this reply."""


class GrammarError(ValueError):
    """A grammar is too large, or uses an unsupported feature."""
