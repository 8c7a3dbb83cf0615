"""Plans one chat request before any reply: the user, the adapter, the prompt's token ids.

Runs in a worker thread, because it reads the database and renders the prompt.
"""

import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from fastapi import Request

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.generation_defaults import GenerationDefaults
from adapters_store.reasoning import NO_THINKING
from adapters_store.records import BASE, AdapterVersion, ServableAdapter, StackedAdapter
from feedback.conversation import classify, is_temporary
from feedback.records import ORGANISATION, InteractionKind, Message
from feedback.rules.rule import Rule
from scheduler.version_report import overridden_rules
from server.accounts.accounts import Account
from server.auth import enter, named_by_frontend
from server.chat.chat_ids import conversation_of
from server.chat.memory import (
    MemoryUse,
    add_memory,
    is_first_turn,
    last_user_message,
    learned_by,
    memory_suffices,
)
from server.chat.structured_output import structured_output
from server.chat.withdrawal import why_base_answers
from server.engine.records import SamplingParams
from server.errors import ModelNotFoundError, RequestError
from server.services import Services
from server.wire.requests import MAX_LABEL_LENGTH, ChatRequest, version_number
from server.wire.tool_calls import AllowedCalls

if TYPE_CHECKING:
    from server.engine.grammar import Grammar
    from server.runtime import Runtime

_CHAT_ID_HEADERS = ("x-loralei-chat-id", "x-openwebui-chat-id", "chatui-conversation-id")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """One planned chat request. `user` is None if a frontend named nobody.

    `messages` are the client's own; `prompt_ids` may include `memory`. If memory guides the reply,
    `unguided_ids` are the prompt's without it. If the prompt overrides rules (`overridden_rules`),
    the base answers without memory. If the base answers because the version in use was withdrawn,
    `withdrawn` says so in a sentence. If the prompt has tools, `calls` says which calls the reply
    may have. `token_bytes` is set if log-probabilities are wanted. If the base model `thinks`, the
    reply may have reasoning; it `begins_in_reasoning` if the prompt opened it. A streamed one that
    `is_resumable` goes on without its reader. The base shares cached prompts within `prefix_scope`;
    None is everybody. `has_instructions` is as in `Interaction`. The `organisation`'s version takes
    part beside the user's `adapter`, or alone.
    """

    id: str
    created_at: float
    user: Account | None
    conversation_id: str
    message_id: str | None
    kind: InteractionKind
    model: str
    adapter: AdapterVersion | None
    messages: tuple[Message, ...]
    prompt_ids: tuple[int, ...]
    unguided_ids: tuple[int, ...] | None
    memory: MemoryUse
    overridden_rules: tuple[Rule, ...]
    withdrawn: str | None
    params: SamplingParams
    calls: AllowedCalls | None
    thinks: bool
    begins_in_reasoning: bool
    token_bytes: Callable[[int], bytes] | None
    num_choices: int
    is_stored: bool
    is_listed: bool
    is_resumable: bool
    metadata: Mapping[str, str]
    request_hash: str
    is_retry: bool
    prefix_scope: str | None
    has_instructions: bool = False
    organisation: AdapterVersion | None = None

    @property
    def created(self) -> int:
        """When it arrived, in whole seconds, as in OpenAI's shapes."""
        return int(self.created_at)

    @property
    def adapter_label(self) -> str:
        """Which adapter answers: `base` or `v3`."""
        return self.adapter.label if self.adapter else BASE

    @property
    def served(self) -> ServableAdapter | None:
        """What the engine adds to the base: the user's version, the organisation's, or both."""
        if self.adapter is None or self.organisation is None:
            return self.adapter or self.organisation
        return StackedAdapter(self.adapter, self.organisation)


def plan_turn(
    request: Request, body: ChatRequest, raw: bytes, caller: Account, services: Services
) -> Turn:
    """Decide everything about a chat request. Errors of the request are raised as 4xx."""
    runtime = services.runtime
    _check_model(body.model, runtime.engine.model_name)
    now = time.time()
    labels = _Labels.of(request)
    renderer = runtime.engine.renderer
    messages = tuple(message.message(thinks=renderer.thinks) for message in body.messages)
    output = structured_output(body, runtime.engine)
    # A grammar holds from the first token, where a thinking model would begin to think.
    forced = NO_THINKING if output.grammar is not None else {}
    options = {**body.template_options, **forced}
    render = partial(runtime.engine.render, tools=output.tools, options=options)
    prompt_ids = tuple(render(messages))
    user = _user(request, body, caller, services, now)
    kind = labels.kind_of(messages, is_streamed=bool(body.stream))
    is_stored = user is not None and body.store is not False and not is_temporary(labels.chat_id)
    if is_stored and user is not None:
        services.stores.log.check_room(user.id)
    adapter = _adapter(services, runtime, user, kind, body)
    is_default = _requested_adapter(body) is None
    has_none = is_default and adapter is None and kind is InteractionKind.CHAT
    withdrawn = why_base_answers(services.stores, user.id) if user and has_none else None
    params = replace(
        sampling_params(body, runtime.sampling, services.settings.max_new_tokens, output.grammar),
        guidance_scale=services.settings.memory_guidance,
    )
    _check_biases(params, runtime.engine.vocabulary_size)
    question = last_user_message(messages) or ""
    overridden = overridden_rules(adapter, question) if is_default else ()
    adapter = None if overridden else adapter
    organisation = _organisation(services, user, kind, body, question)
    memory, unguided_ids = MemoryUse(), prompt_ids
    if user is not None and not overridden and _wants_memory(body, kind, labels):
        prompt_ids, memory = add_memory(
            services,
            user.id,
            messages,
            prompt_ids,
            learned=learned_by(adapter),
            reply_tokens=min(params.max_tokens, services.settings.max_new_tokens),
            render=render,
        )
    if is_default and memory_suffices(adapter, messages, memory):
        adapter = None
    return Turn(
        id=new_completion_id(now),
        created_at=now,
        user=user,
        conversation_id=conversation_of(
            services.stores.log, user.id if user else "", labels.chat_id, messages
        ),
        message_id=labels.message_id,
        kind=kind,
        model=body.model,
        adapter=adapter,
        messages=messages,
        prompt_ids=prompt_ids,
        unguided_ids=unguided_ids if memory.tokens and not is_first_turn(messages) else None,
        memory=memory,
        overridden_rules=overridden,
        withdrawn=withdrawn,
        params=params,
        calls=output.calls,
        thinks=renderer.thinks,
        begins_in_reasoning=renderer.begins_in_reasoning(prompt_ids),
        token_bytes=runtime.engine.grammar_compiler.token_bytes if body.logprobs else None,
        num_choices=body.n or 1,
        is_stored=is_stored,
        is_listed=is_stored and body.store is True,
        is_resumable=is_stored and kind is InteractionKind.CHAT and _wants_to_resume(body),
        metadata=body.metadata or {},
        request_hash=hashlib.sha256(raw).hexdigest(),
        is_retry=_retry_count(request) > 0,
        prefix_scope=prefix_scope(services.settings.prefix_sharing, caller, user),
        organisation=organisation,
    )


def sampling_params(
    body: ChatRequest,
    default: GenerationDefaults,
    default_length: int,
    grammar: "Grammar | None" = None,
) -> SamplingParams:
    """The request's sampling parameters, with the defaults where it has no value."""
    return SamplingParams(
        temperature=default.temperature if body.temperature is None else body.temperature,
        top_p=default.top_p if body.top_p is None else body.top_p,
        top_k=default.top_k if body.top_k is None else max(0, body.top_k),
        seed=body.seed,
        max_tokens=body.max_completion_tokens or body.max_tokens or default_length,
        stop=tuple(body.stop or ()),
        frequency_penalty=body.frequency_penalty or 0.0,
        presence_penalty=body.presence_penalty or 0.0,
        logit_bias=body.logit_bias or {},
        grammar=grammar,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        ignore_eos=bool(body.ignore_eos),
    )


def new_completion_id(now: float) -> str:
    """A completion id that sorts by time: UUID version 7 (RFC 9562, section 5.7)."""
    random = uuid.uuid4().int
    value = (int(now * 1000) & (1 << 48) - 1) << 80 | random & (1 << 80) - 1
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"chatcmpl-{value:032x}"


def prefix_scope(sharing: str, caller: Account, user: Account | None) -> str | None:
    """Who shares cached prompts of the base with a request, by the setting; None is everybody."""
    match sharing:
        case "user" if user is not None:
            return f"user {user.id}"
        case "user" | "frontend":
            return f"key {caller.id}"
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Labels:
    """A frontend's own names for this chat and message; never keys into anything shared."""

    chat_id: str | None
    message_id: str | None
    task: str | None

    @classmethod
    def of(cls, request: Request) -> "_Labels":
        chat_ids = (_header(request, name) for name in _CHAT_ID_HEADERS)
        return cls(
            chat_id=next((chat_id for chat_id in chat_ids if chat_id), None),
            message_id=_header(request, "x-loralei-message-id") or None,
            task=_header(request, "x-loralei-task"),
        )

    def kind_of(self, messages: tuple[Message, ...], *, is_streamed: bool) -> InteractionKind:
        """Whether this is a person's turn or the frontend's own background request."""
        return classify(
            messages,
            task=self.task,
            chat_id=self.chat_id,
            is_streamed=is_streamed,
        )


def _check_model(asked: str, served: str) -> None:
    if asked != served:
        raise ModelNotFoundError(f"The model {asked!r} does not exist: use {served!r}.")


def _check_biases(params: SamplingParams, vocabulary_size: int) -> None:
    if any(token >= vocabulary_size for token in params.logit_bias):
        message = f"logit_bias names a token beyond the vocabulary of {vocabulary_size}."
        raise RequestError(400, message, param="logit_bias")


def _header(request: Request, name: str) -> str | None:
    value = request.headers.get(name)
    if value is not None and len(value) > MAX_LABEL_LENGTH:
        raise RequestError(400, f"{name} has more than {MAX_LABEL_LENGTH} characters.", param=name)
    if value is None or "{{" in value:  # a placeholder that the frontend did not fill in
        return None
    return value.strip()


def _retry_count(request: Request) -> int:
    value = request.headers.get("x-stainless-retry-count", "")
    return int(value) if value.isdecimal() and len(value) < 10 else 0


def _user(
    request: Request, body: ChatRequest, caller: Account, services: Services, now: float
) -> Account | None:
    if not caller.is_frontend:
        return caller
    named = named_by_frontend(request, services, caller, body.identity)
    if named is None:
        return None
    user = services.accounts.acting_user(caller, named.id, now, named.display_name)
    return enter(request, services, user)


def _wants_memory(body: ChatRequest, kind: InteractionKind, labels: _Labels) -> bool:
    """Whether memory may change this reply; never in background requests and temporary chats."""
    is_refused = body.loralei is not None and body.loralei.memory is False
    return kind is InteractionKind.CHAT and not is_temporary(labels.chat_id) and not is_refused


def _wants_to_resume(body: ChatRequest) -> bool:
    return body.loralei is not None and body.loralei.resumable is True


def _requested_adapter(body: ChatRequest) -> str | None:
    return body.loralei.adapter if body.loralei else None


def _adapter(
    services: Services,
    runtime: "Runtime",
    user: Account | None,
    kind: InteractionKind,
    body: ChatRequest,
) -> AdapterVersion | None:
    """The requested version, none for background requests, else the user's version in use."""
    requested = _requested_adapter(body)
    if requested is not None:
        number = version_number(requested)
        if number is None:
            return None
        if user is None:
            raise AdapterNotFoundError("An adapter belongs to a user: name the user.")
        version = services.stores.registry.servable(user.id, number)
        if not runtime.fits(version):
            raise AdapterNotFoundError(f"{requested} was made for another base model.")
        return version
    if user is None or kind is InteractionKind.BACKGROUND:
        return None
    return serving_version(services, user.id)


def _organisation(
    services: Services,
    user: Account | None,
    kind: InteractionKind,
    body: ChatRequest,
    question: str,
) -> AdapterVersion | None:
    """The organisation's version in use, if it takes part in this reply."""
    options = body.loralei
    is_refused = options is not None and (options.organisation is False or options.adapter == BASE)
    if user is None or kind is InteractionKind.BACKGROUND or is_refused:
        return None
    if not services.settings.organisation or not services.stores.log.choice(user.id).uses:
        return None
    version = serving_version(services, ORGANISATION)
    return None if overridden_rules(version, question) else version


def serving_version(services: Services, user_id: str) -> AdapterVersion | None:
    """The user's version in use, or its newest intact ancestor if its files are damaged.

    A withdrawn one never is: the registry has no such version in use, and no such ancestor.
    """
    runtime, registry = services.runtime, services.stores.registry
    version = registry.active(user_id)
    while version is not None:
        if runtime.fits(version):
            try:
                services.stores.files.open(version)
                return version
            except (AdapterNotFoundError, AdapterInvalidError) as error:
                _log.error("%s of %s is damaged: %s", version.label, user_id, error)
        version = registry.servable_ancestor(version)
    return None
