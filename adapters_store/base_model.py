"""The base model: its weights, its tokenizer, and the only renderer from messages to token ids.

Serving and training both render here, so a prompt's ids are a prefix of its example's ids. For a
thinking model that holds of prompts without thinking, because only the reply is learned.
"""

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from adapters_store.errors import PromptError
from adapters_store.lora import linear_shapes
from adapters_store.reasoning import (
    CLOSING,
    NO_THINKING,
    OPENING,
    TemplateOption,
    close_reasoning,
    ends_inside,
    split_reasoning,
)
from adapters_store.records import Precision
from adapters_store.rendering.call_format import CallFormat, call_format
from adapters_store.rendering.control_tokens import ControlTokens
from adapters_store.rendering.turns import ChatMessage, Tool, template_tools, template_turns
from adapters_store.weights.frozen import freeze_linears, packed_weights
from adapters_store.weights.loading import language_model, load_over_packed

# A tag may be several tokens, and white space may follow it.
_TAG_TOKENS = 16


class Renderer:
    """Renders messages to token ids with the base model's own chat template.

    No text of a message or tool becomes a control token. `call_format` is how the template writes
    calls, or None if it shows no tools to the model. `thinks` is whether the model may begin a
    reply with reasoning. `hidden_tags` are the tags of the reasoning and of calls, by token id,
    that decoding without special tokens would drop.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, eos_token_ids: frozenset[int]) -> None:
        """Raises `ValueError` if the tokenizer has no chat template or no end-of-turn token."""
        if not tokenizer.chat_template:
            raise ValueError("the model has no chat template: choose an instruct model")
        # Whoever sends too much is told so; a warning in the log would speak of an error.
        tokenizer.model_max_length = sys.maxsize
        self.tokenizer = tokenizer
        self.eos_token_ids = eos_token_ids
        self._control = ControlTokens(tokenizer, _templates(tokenizer))
        self.call_format = _call_format(tokenizer, eos_token_ids, self._control.ids)
        self.thinks = OPENING in _templates(tokenizer) or OPENING in tokenizer.get_added_vocab()
        self.hidden_tags = _hidden_tags(tokenizer, self.call_format)
        self._options = _template_options(tokenizer)
        self._end_of_turn = _end_of_turn(tokenizer, eos_token_ids)
        self._turn_overhead = _turn_overhead(tokenizer)

    def prompt_ids(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool] = (),
        options: Mapping[str, TemplateOption] = NO_THINKING,
    ) -> list[int]:
        """Render a conversation and open the assistant's turn, without thinking unless asked for.

        The template gets those of the `options` that it reads. Raises `PromptError` if it refuses
        the conversation, for example an unknown role.
        """
        turns: Any = template_turns(messages, self.call_format)
        shown: Any = template_tools(tools)
        if is_masked := self._control.are_in([turns, shown]):
            turns, shown = self._control.masked([turns, shown])
        read: Any = {name: value for name, value in options.items() if name in self._options}
        try:
            text = self.tokenizer.apply_chat_template(
                turns,
                tools=shown or None,
                tokenize=False,
                add_generation_prompt=True,
                **read,
            )
        except Exception as error:  # a template may raise anything
            raise PromptError(f"the chat template refused the messages: {error}") from error
        is_off = options.get("enable_thinking") is False
        prompt = close_reasoning(str(text)) if is_off else str(text)
        return self._control.encode_masked(prompt) if is_masked else self._ids(prompt)

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

    def begins_in_reasoning(self, prompt_ids: Sequence[int]) -> bool:
        """Whether a reply to this prompt begins inside its reasoning."""
        end = self.tokenizer.decode(list(prompt_ids[-_TAG_TOKENS:]))
        return self.thinks and ends_inside(str(end))

    def reply_text(self, ids: Sequence[int]) -> str:
        """The text of a generated reply, without special tokens and without its reasoning."""
        text = "".join(
            tag or str(self.tokenizer.decode(list(run), skip_special_tokens=True))
            for tag, run in groupby(ids, self.hidden_tags.get)
        )
        return self.without_reasoning(text)

    def without_reasoning(self, text: str) -> str:
        """A reply to a prompt without thinking; the model may think all the same."""
        return split_reasoning(text)[1] if self.thinks else text

    def turn_tokens(self, text: str) -> int:
        """Tokens that a text adds as one more turn, the template's tokens included."""
        return len(self.text_ids(text)) + self._turn_overhead

    def document_ids(self, text: str) -> list[int]:
        """Token ids of a text outside any chat, as in the base's pre-training."""
        if self._control.are_in(text):
            return self._control.encode_as_text(text, add_special_tokens=True)
        return list(self.tokenizer.encode(text))

    def text_ids(self, text: str) -> list[int]:
        """Token ids of a text without template and special tokens."""
        return self._control.encode_as_text(text) if self._control.are_in(text) else self._ids(text)

    def _ids(self, rendered: str) -> list[int]:
        return list(self.tokenizer.encode(rendered, add_special_tokens=False))


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The loaded base: frozen weights in evaluation mode, and their renderer.

    `context_length` is in tokens. `revision` identifies the exact weights. `precision` and `packed`
    are how they were packed: see `load_base_model`.
    """

    name: str
    revision: str
    model: PreTrainedModel
    renderer: Renderer
    context_length: int
    device: torch.device
    dtype: torch.dtype
    precision: Precision | None = None
    packed: Path | None = None

    @property
    def num_parameters(self) -> int:
        """Parameters of the base model, without adapters; a tied weight counts once."""
        plain = sum(p.numel() for n, p in self.model.named_parameters() if not _is_slot(n))
        packed = {each.values.data_ptr(): each for each in packed_weights(self.model)}
        return int(plain + sum(each.out_features * each.in_features for each in packed.values()))


@dataclass(frozen=True, slots=True)
class BaseOutline:
    """The base model without its weights, for a server that has others run it.

    `shapes` gives (out_features, in_features) of every linear that has an adapter, by module path.
    """

    name: str
    revision: str
    renderer: Renderer
    context_length: int
    vocabulary_size: int
    shapes: Mapping[str, tuple[int, int]]
    generation_config: Mapping[str, Any]


def outline_base_model(
    path: Path, *, name: str, revision: str, targets: Sequence[str]
) -> BaseOutline:
    """Read a folder's configuration and tokenizer; `targets` are as in `LoraConfig`.

    Raises as `load_base_model`, and `ValueError` if a target names no linear layer.
    """
    tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    config, _ = language_model(path)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    try:
        generation: Any = GenerationConfig.from_pretrained(path)
    except OSError:  # there is no such file
        generation = model.generation_config
    return BaseOutline(
        name=name,
        revision=revision,
        renderer=Renderer(tokenizer, _eos_token_ids(generation, tokenizer)),
        context_length=_context_length(config),
        vocabulary_size=int(config.vocab_size),
        shapes=linear_shapes(model, targets),
        generation_config=generation.to_dict(),
    )


def load_base_model(
    path: str | Path,
    *,
    name: str,
    revision: str,
    device: torch.device,
    dtype: torch.dtype,
    precision: Precision | None = None,
    packed: Path | None = None,
) -> BaseModel:
    """Load a folder of safetensors weights with its tokenizer and chat template.

    Activations have `dtype`, and so have weights without a `precision`. With one, linears and the
    embedding are packed and frozen; on a GPU it can only be `int8`. On a CPU they are read from the
    file `packed`, which is made if it is missing: every process that maps it shares its memory.

    Raises `ValueError` if it is not an instruct model, `OSError` if files are missing. Never runs
    code from the folder, and never reads pickled weights.
    """
    transformers.utils.logging.disable_progress_bar()
    tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    model = _load_model(Path(path), device, dtype, precision, packed)
    model.requires_grad_(False)
    model.eval()
    return BaseModel(
        name=name,
        revision=revision,
        model=model,
        renderer=Renderer(tokenizer, _eos_token_ids(model.generation_config, tokenizer)),
        context_length=_context_length(model.config),
        device=device,
        dtype=dtype,
        precision=precision,
        packed=packed,
    )


def _load_model(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    precision: Precision | None,
    packed: Path | None,
) -> Any:
    if precision and packed and device.type == "cpu":
        model = load_over_packed(path, packed, dtype, precision)
        if model is not None:
            return model
    config, renames = language_model(path)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        path,
        config=config,
        key_mapping=renames or None,
        dtype=dtype,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    model, found = loaded
    if missing := sorted(found["missing_keys"]):
        raise ValueError(f"{path} lacks weights of the model, such as {missing[0]}: fetch it again")
    if precision:
        freeze_linears(model, precision)
    return model.to(device)


def cached_numbers(config: Any) -> int:
    """How many numbers the keys and values of one token are, by a model's configuration."""
    config = config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * int(config.num_hidden_layers * heads * width)


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


def choose_precision(setting: str, device: torch.device, dtype: torch.dtype) -> Precision | None:
    """The precision of the base's weights: `auto` is int8 on a CPU, and `dtype` on a GPU.

    None is plain weights in `dtype`, which only a GPU has.
    """
    if setting == "int8" or (setting == "auto" and device.type == "cpu"):
        return "int8"
    if device.type != "cpu":
        return None
    return "bfloat16" if dtype == torch.bfloat16 else "float32"


def _is_slot(parameter_name: str) -> bool:
    return parameter_name.endswith((".A", ".B"))


def _eos_token_ids(generation: Any, tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    configured = generation.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in [*ids, tokenizer.eos_token_id] if i is not None)


def _templates(tokenizer: PreTrainedTokenizerFast) -> str:
    """The sources of all chat templates of a tokenizer; some have one more for tools."""
    templates: Any = tokenizer.chat_template
    return "\n".join(templates.values()) if isinstance(templates, dict) else str(templates)


def _template_options(tokenizer: PreTrainedTokenizerFast) -> frozenset[str]:
    """The names that a request may set: words of the templates, but nothing that decides what is
    rendered (the messages, the tools) or that the tokenizer itself sets (special tokens)."""
    ours = inspect.signature(tokenizer.apply_chat_template).parameters
    names = re.findall(r"[A-Za-z_]\w*", _templates(tokenizer))
    return frozenset(names).difference(ours, tokenizer.special_tokens_map, ["messages"])


def _hidden_tags(tokenizer: PreTrainedTokenizerFast, form: CallFormat | None) -> dict[int, str]:
    added = tokenizer.added_tokens_decoder.items()
    tags = {OPENING, CLOSING, *(form.tokens if form else ())}
    return {i: t.content for i, t in added if t.special and t.content in tags}


def _call_format(
    tokenizer: PreTrainedTokenizerFast,
    eos_token_ids: frozenset[int],
    control_tokens: Mapping[str, int],
) -> CallFormat | None:
    def render(turns: Any, **options: Any) -> str:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, **options))

    ends = [str(tokenizer.convert_ids_to_tokens(token)) for token in eos_token_ids]
    return call_format(render, ends, control_tokens)


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
    """The longest sequence in which a cached token never changes its place.

    LongRoPE turns all tokens by other angles as soon as a sequence is longer than those of the
    first training, so that keys cached until then are wrong.
    """
    text = config.get_text_config()
    ropes = getattr(text, "rope_parameters", None) or {}
    # Some models have one entry for each kind of layer.
    each = [ropes, *(rope for rope in ropes.values() if isinstance(rope, dict))]
    longropes = [rope for rope in each if rope.get("rope_type") == "longrope"]
    limits = [int(rope["original_max_position_embeddings"]) for rope in longropes]
    return min([int(text.max_position_embeddings), *limits])
