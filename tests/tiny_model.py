"""A 2-layer random Llama with a byte-level tokenizer and a chat template, made in code."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant', 'tool'] %}"
    "{{ raise_exception('unknown role') }}{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As Hermes and Qwen models show tools, in short.
TOOL_TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "Call with <tool_call></tool_call>.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    "\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOOL_MARKERS = ("<tool_call>", "</tool_call>")
# As Mistral models show tools, in short: calls are one list, and ids have nine characters.
LIST_TEMPLATE = (
    "{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'tool' and message.tool_call_id | length != 9 %}"
    "{{ raise_exception('an id has nine characters') }}{% endif %}"
    "{% if message.tool_calls %}[TOOL_CALLS] [{% for call in message.tool_calls %}"
    "{% if call.id | length != 9 %}{{ raise_exception('an id has nine characters') }}{% endif %}"
    '{{ (call.function | tojson)[:-1] }}, "id": "{{ call.id }}"}'
    "{% if not loop.last %}, {% endif %}{% endfor %}]"
    "{% else %}{{ message.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LIST_MARKERS = ("[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]")
# As Qwen3 thinks unless told otherwise, in short.
THINKING_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' and loop.last %}"
    "<think>\n{{ message.reasoning_content or '' }}\n</think>\n\n{% endif %}"
    "{{ message.content.split('</think>')[-1].lstrip('\n') }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# As models that always think open their reasoning.
OPENED_TEMPLATE = CHAT_TEMPLATE.removesuffix("\n{% endif %}") + "<think>{% endif %}"
# Settings with which the tiny model, whose replies are noise, is trained in a moment and promoted.
QUICK_TRAINING = {
    "max_steps": 2,
    "min_passes": 1,
    "rounds": 0,
    "synthetic_examples": 0,
    "learning_rate": 5e-3,
}
LENIENT_GATE = {"max_reference_kl": 1e6, "max_train_loss": 1e6, "max_faulty_increase": 1.0}
HEAD_DIM = 16
"""vLLM on a CPU needs twice as much."""
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def build_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    context_length: int = 512,
    chat_template: str = CHAT_TEMPLATE,
    markers: Sequence[str] = (),
    are_markers_special: bool = False,
) -> Path:
    """Write a tiny chat model in Hugging Face's layout (float32) and return its folder.

    Each of the `markers` is one token, as `<tool_call>` is for Qwen.
    """
    tokenizer = _byte_tokenizer()
    tokens = [AddedToken(each, normalized=False, special=are_markers_special) for each in markers]
    tokenizer.add_tokens(tokens, special_tokens=are_markers_special)
    tokenizer.chat_template = chat_template
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=HEAD_DIM,
        max_position_embeddings=context_length,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    # At the usual initial scale attention averages and replies repeat one token.
    with torch.no_grad():
        for parameter in model.model.layers.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_thinking_model(
    folder: Path, *, chat_template: str = THINKING_TEMPLATE, are_tags_special: bool = False
) -> Path:
    """Write a tiny model that thinks "Why?" and replies "Ok.".

    The last token alone decides the next one. After a break of two lines it replies at once.
    """
    build_tiny_model(folder, chat_template=chat_template)
    tokenizer = _byte_tokenizer(["ĊĊ"], [("Ċ", "Ċ")])
    tags = [AddedToken(tag, special=are_tags_special) for tag in ("<think>", "</think>")]
    tokenizer.add_tokens(tags, special_tokens=are_tags_special)
    tokenizer.chat_template = chat_template
    model = LlamaForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    script = ["\n", "<think>", "W", "h", "y", "?", "</think>", "\n\n", "O", "k", ".", "<|im_end|>"]
    ids = [tokenizer.encode(text, add_special_tokens=False)[0] for text in script]
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedded = model.model.embed_tokens.weight
        embedded.zero_()
        model.lm_head.weight.zero_()
        for place, (token, following) in enumerate(pairwise(ids)):
            embedded[token, place] = 1.0
            model.lm_head.weight[following, place] = 10.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _byte_tokenizer(
    words: Sequence[str] = (), merges: Sequence[tuple[str, str]] = ()
) -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: i for i, symbol in enumerate([*SPECIAL_TOKENS, *alphabet, *words])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    return tokenizer
