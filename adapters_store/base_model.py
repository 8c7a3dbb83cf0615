"""The base model: its weights, its tokenizer, and the only renderer from messages to token ids.

Serving and training both render here, so a prompt's ids are a prefix of its example's ids.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from adapters_store.errors import PromptError


class ChatMessage(Protocol):
    """Anything with a role and a text."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...


@runtime_checkable
class ToolTurn(ChatMessage, Protocol):
    """A message that uses tools; a template with tools reads only its `fields`."""

    @property
    def fields(self) -> Mapping[str, Any]: ...


Tool = Mapping[str, Any]
"""A tool that the model may call, in OpenAI's shape."""


class Renderer:
    """Renders messages to token ids with the base model's own chat template.

    `tool_template` is that template if it shows tools to the model, else None.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, eos_token_ids: frozenset[int]) -> None:
        """Raises `ValueError` if the tokenizer has no chat template or no end-of-turn token."""
        if not tokenizer.chat_template:
            raise ValueError("the model has no chat template: choose an instruct model")
        self.tokenizer = tokenizer
        self.eos_token_ids = eos_token_ids
        self.tool_template = _tool_template(tokenizer)
        self._end_of_turn = _end_of_turn(tokenizer, eos_token_ids)
        self._turn_overhead = _turn_overhead(tokenizer)

    def prompt_ids(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> list[int]:
        """Render a conversation and open the assistant's turn.

        Raises `PromptError` if the template refuses it, for example an unknown role.
        """
        try:
            text = self.tokenizer.apply_chat_template(
                [self._turn(message) for message in messages],
                tools=[dict(tool) for tool in tools] or None,
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception as error:  # a template may raise anything
            raise PromptError(f"the chat template refused the messages: {error}") from error
        return self.text_ids(str(text))

    def example_ids(
        self, messages: Sequence[ChatMessage], reply: str, *, is_truncated: bool = False
    ) -> tuple[list[int], list[bool]]:
        """Render a conversation with its reply: ids, and which of them are the reply's.

        Unless the reply is truncated, it ends with the end-of-turn token, which is learned too.
        """
        prompt = self.prompt_ids(messages)
        completion = self.text_ids(reply) if is_truncated else self.reply_ids(reply)
        return prompt + completion, [False] * len(prompt) + [True] * len(completion)

    def reply_ids(self, text: str) -> list[int]:
        """Token ids of a whole reply, with the end-of-turn token."""
        return [*self.text_ids(text), self._end_of_turn]

    def turn_tokens(self, text: str) -> int:
        """Tokens that a text adds as one more turn, the template's tokens included."""
        return len(self.text_ids(text)) + self._turn_overhead

    def document_ids(self, text: str) -> list[int]:
        """Token ids of a text outside any chat, as in the base's pre-training."""
        return list(self.tokenizer.encode(text))

    def text_ids(self, text: str) -> list[int]:
        """Token ids of a text without template and special tokens."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _turn(self, message: ChatMessage) -> dict[str, Any]:
        if self.tool_template is not None and isinstance(message, ToolTurn):
            return {"role": message.role, **message.fields}
        return {"role": message.role, "content": message.content}


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The loaded base: frozen weights in evaluation mode, and their renderer.

    `context_length` is in tokens. `revision` identifies the exact weights.
    """

    name: str
    revision: str
    model: PreTrainedModel
    renderer: Renderer
    context_length: int
    device: torch.device
    dtype: torch.dtype

    @property
    def num_parameters(self) -> int:
        """Parameters of the base model, without adapters."""
        return sum(p.numel() for n, p in self.model.named_parameters() if not _is_slot(n))


def load_base_model(
    path: str | Path, *, name: str, revision: str, device: torch.device, dtype: torch.dtype
) -> BaseModel:
    """Load a folder of safetensors weights with its tokenizer and chat template.

    Raises `ValueError` if it is not an instruct model, `OSError` if files are missing. Never runs
    code from the folder, and never reads pickled weights.
    """
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, trust_remote_code=False, use_safetensors=True
    )
    model.requires_grad_(False)
    model.eval()
    model.to(device)
    return BaseModel(
        name=name,
        revision=revision,
        model=model,
        renderer=Renderer(tokenizer, _eos_token_ids(model, tokenizer)),
        context_length=_context_length(model.config),
        device=device,
        dtype=dtype,
    )


def choose_device(setting: str) -> torch.device:
    """`auto` is CUDA if there is one, else the CPU."""
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(setting)


def choose_dtype(setting: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 if the device multiplies it natively, else float32."""
    if setting != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[setting]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def _is_slot(parameter_name: str) -> bool:
    return parameter_name.endswith((".A", ".B"))


def _eos_token_ids(model: Any, tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in [*ids, tokenizer.eos_token_id] if i is not None)


def _tool_template(tokenizer: PreTrainedTokenizerFast) -> str | None:
    template = str(tokenizer.get_chat_template(tools=[{}]))
    return template if re.search(r"\btools\b", template) else None


def _end_of_turn(tokenizer: PreTrainedTokenizerFast, eos_token_ids: frozenset[int]) -> int:
    """The token that the template writes after a reply."""
    reply = "loralei"
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": reply}]
    text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    after = tokenizer.encode(text.rpartition(reply)[2], add_special_tokens=False)
    for token in after:
        if token in eos_token_ids:
            return int(token)
    raise ValueError("the chat template does not end a reply with an end-of-sequence token")


def _turn_overhead(tokenizer: PreTrainedTokenizerFast) -> int:
    """Tokens that the template adds to a turn: the mean of a user's turn and a reply."""
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hi"}]
    lengths = [
        len(tokenizer.encode(str(tokenizer.apply_chat_template(each, tokenize=False))))
        for each in (turns, turns * 2)
    ]
    text = len(tokenizer.encode("hi", add_special_tokens=False))
    return (lengths[1] - lengths[0] + 1) // 2 - text


def _context_length(config: Any) -> int:
    """The longest sequence for which full attention over all past tokens is correct."""
    length = int(config.max_position_embeddings)
    window = getattr(config, "sliding_window", None)
    return min(length, int(window)) if window else length
