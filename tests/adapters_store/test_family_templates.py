"""Renderers with the shapes of the families' chat templates."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest

from adapters_store.base_model import BaseModel, Renderer
from adapters_store.errors import PromptError
from feedback.records import Message

# Roles alternate after an optional system message, which this template does not know.
_ALTERNATING = (
    "{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
)
_SYSTEM_IN_FIRST_TURN = (
    "{% if messages[0].role == 'system' %}{% set first = messages[0].content + '\\n\\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set first = '' %}{% endif %}"
)
_GEMMA_TURNS = (
    _ALTERNATING + "<start_of_turn>{{ 'model' if message.role == 'assistant' else message.role }}\n"
    "{{ first if loop.first else '' }}{{ message.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Template:
    """A family's template, its special tokens, and which of them end a reply."""

    source: str
    special: tuple[str, ...]
    ends: tuple[str, ...]
    prompt: str
    bos: str | None = None


TEMPLATES = {
    "llama3": Template(
        source="{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\n"
        "Cutting Knowledge Date: December 2023\n\n<|eot_id|>"
        "{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
        "{{ message.content | trim }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n"
        "{% endif %}",
        special=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        ends=("<|end_of_text|>", "<|eot_id|>"),
        prompt="<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        "Cutting Knowledge Date: December 2023\n\n<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        bos="<|begin_of_text|>",
    ),
    "gemma3": Template(
        source="{{ bos_token }}" + _SYSTEM_IN_FIRST_TURN + _GEMMA_TURNS,
        special=("<bos>", "<start_of_turn>", "<end_of_turn>"),
        ends=("<eos>", "<end_of_turn>"),
        prompt="<bos><start_of_turn>user\nhello<end_of_turn>\n<start_of_turn>model\n",
        bos="<bos>",
    ),
    "gemma2": Template(
        source="{{ bos_token }}{% if messages[0].role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}" + _GEMMA_TURNS,
        special=("<bos>", "<start_of_turn>", "<end_of_turn>"),
        ends=("<eos>", "<end_of_turn>"),
        prompt="<bos><start_of_turn>user\nhello<end_of_turn>\n<start_of_turn>model\n",
        bos="<bos>",
    ),
    "mistral": Template(
        source="{{ bos_token }}"
        + _SYSTEM_IN_FIRST_TURN
        + _ALTERNATING
        + "{% if message.role == 'user' %}"
        "[INST] {{ first if loop.first else '' }}{{ message.content }}[/INST]"
        "{% else %} {{ message.content | trim }}{{ eos_token }}{% endif %}{% endfor %}",
        special=("<s>", "[INST]", "[/INST]"),
        ends=("</s>",),
        prompt="<s>[INST] hello[/INST]",
        bos="<s>",
    ),
    "phi3": Template(
        source="{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}<|end|>\n"
        "{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}",
        special=("<|user|>", "<|assistant|>", "<|end|>"),
        ends=("<|endofdocument|>", "<|end|>"),
        prompt="<|user|>\nhello<|end|>\n<|assistant|>\n",
    ),
    "olmo2": Template(
        source="{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n"
        "{{ message.content }}{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}"
        "{{ '' if message.role == 'assistant' and loop.last else '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
        special=(),
        ends=("<|endofdocument|>",),
        prompt="<|endofdocument|><|user|>\nhello\n<|assistant|>\n",
        bos="<|endofdocument|>",
    ),
    "granite": Template(
        source="{% if messages[0].role != 'system' %}<|start_of_role|>system<|end_of_role|>"
        "You are Granite. Today is {{ strftime_now('%Y') | length }}.<|end_of_text|>\n{% endif %}"
        "{% for message in messages %}<|start_of_role|>{{ message.role }}<|end_of_role|>"
        "{{ message.content }}<|end_of_text|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}",
        special=("<|start_of_role|>", "<|end_of_role|>"),
        ends=("<|end_of_text|>",),
        prompt="<|start_of_role|>system<|end_of_role|>You are Granite. Today is 4.<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>hello<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>",
    ),
}


@pytest.fixture(params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> Template:
    return TEMPLATES[request.param]


def renderer_of(template: Template, base: BaseModel) -> Renderer:
    tokenizer: Any = copy.deepcopy(base.renderer.tokenizer)
    tokenizer.add_special_tokens(
        {
            "additional_special_tokens": [*template.special, *template.ends],
            "eos_token": template.ends[0],
            **({"bos_token": template.bos} if template.bos else {}),
        }
    )
    tokenizer.chat_template = template.source
    return Renderer(tokenizer, frozenset(tokenizer.convert_tokens_to_ids(template.ends)))


def test_a_prompt_opens_the_assistants_turn(template: Template, tiny_base: BaseModel) -> None:
    renderer = renderer_of(template, tiny_base)
    ids = renderer.prompt_ids([Message("user", "hello")])
    assert renderer.tokenizer.decode(ids) == template.prompt


def test_a_reply_ends_as_the_template_ends_it(template: Template, tiny_base: BaseModel) -> None:
    renderer = renderer_of(template, tiny_base)
    ids, is_reply = renderer.example_ids([Message("user", "hello")], "yes")
    reply = [i for i, learned in zip(ids, is_reply, strict=True) if learned]
    assert renderer.tokenizer.decode(reply) == f"yes{template.ends[-1]}"


def test_a_system_message_is_rendered_or_refused_with_the_templates_reason(
    template: Template, tiny_base: BaseModel
) -> None:
    renderer = renderer_of(template, tiny_base)
    messages = [Message("system", "be brief"), Message("user", "hello")]
    if template is TEMPLATES["gemma2"]:
        with pytest.raises(PromptError, match="refused the messages.*System role not supported"):
            renderer.prompt_ids(messages)
    else:
        assert "be brief" in renderer.tokenizer.decode(renderer.prompt_ids(messages))
