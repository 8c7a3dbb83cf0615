"""An engine, as the rest of the server sees it: the one in this process, or vLLM servers."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from typing import TYPE_CHECKING, Protocol

from adapters_store.reasoning import NO_THINKING, TemplateOption
from adapters_store.records import ServableAdapter
from adapters_store.rendering.turns import ChatMessage, Tool
from server.engine.generation import Generation
from server.engine.records import SamplingParams

if TYPE_CHECKING:
    from adapters_store.base_model import Renderer
    from server.engine.grammar import GrammarCompiler


class Engine(Protocol):
    """Writes many replies at once, each with its own adapter version.

    `LocalEngine` and `VllmEngine` are two. Methods may be called from any thread.
    """

    @property
    def model_name(self) -> str:
        """The base model's name, as clients know it."""

    @property
    def revision(self) -> str:
        """Identifies the base model's exact weights."""

    @property
    def renderer(self) -> "Renderer":
        """From messages to token ids and back."""

    @property
    def context_length(self) -> int:
        """Most tokens of a prompt and its reply together."""

    @property
    def vocabulary_size(self) -> int:
        """Width of the model's logits."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, int]]:
        """(out_features, in_features) of every linear that has an adapter, by module path."""

    @property
    def grammar_compiler(self) -> "GrammarCompiler":
        """Made at first use, which takes about a second: do not use it on an event loop."""

    @property
    def max_batch_size(self) -> int:
        """Most replies that are written at the same time."""

    @property
    def num_running(self) -> int:
        """Replies being written now."""

    @property
    def num_waiting(self) -> int:
        """Requests that wait for their turn."""

    @property
    def is_busy(self) -> bool:
        """Whether any reply is running or waiting."""

    @property
    def num_resident_adapters(self) -> int:
        """How many adapters need no loading."""

    @property
    def adapter_loads(self) -> int:
        """How often an adapter was loaded since the start."""

    def render(
        self,
        messages: Items[ChatMessage],
        tools: Items[Tool] = (),
        options: Mapping[str, TemplateOption] = NO_THINKING,
    ) -> list[int]:
        """Token ids of a conversation: see `Renderer.prompt_ids`."""

    def submit(
        self,
        prompt_ids: Items[int],
        params: SamplingParams,
        adapter: ServableAdapter | None,
        *,
        user: str,
        prefix_scope: str | None = None,
        is_background: bool = False,
        unconditional_ids: Items[int] | None = None,
    ) -> Generation:
        """Queue a reply, pinned to this adapter version, from a running event loop.

        Users share the engine fairly. Replies in the background give way to all others. The empty
        user name has no queue limit of its own. The base shares prefixes within a `prefix_scope`.
        An engine that can guide replies does so with `unconditional_ids`, the same prompt without
        what the reply should heed.

        Raises `ContextOverflowError`, `EngineOverloadedError`, `UserQueueFullError`.
        """

    def score(
        self,
        prompt_ids: Items[int],
        reply_ids: Items[int],
        adapter: ServableAdapter | None,
        *,
        user: str,
        num_top: int = 0,
        is_background: bool = False,
    ) -> Generation:
        """Queue a given reply, of at least one token: what would the model say of it?

        The only event is a `TextDelta` with a `TokenLogprob` for each of `reply_ids`, with
        `num_top` likeliest tokens. Else as `submit`. Raises `ValueError` for a reply without
        tokens.
        """

    def start(self) -> None:
        """Start answering. Raises `ValueError` if that is impossible, and says what to do."""

    def stop(self) -> None:
        """Stop answering; unfinished replies fail."""
