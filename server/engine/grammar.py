"""Grammars over the base model's tokens (compiled by llguidance)."""

import re

import numpy as np
import torch
from llguidance import LLMatcher, LLParserLimits
from llguidance.hf import from_tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from server.engine.errors import GrammarError

_MAX_REASON = 500
# A lexer state takes up to 2 kB, so a hostile grammar takes at most 40 MB.
_LIMITS = LLParserLimits(max_lexer_states=20_000, verbose_errors=False)


class MatcherState:
    """How far one reply has come in its grammar."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    @property
    def is_complete(self) -> bool:
        """Whether the reply can only end now."""
        return bool(self._matcher.is_stopped())

    def allowed(self) -> Tensor:
        """Which tokens may come next, the end of turn included: see `GrammarState.allowed`."""
        mask = bytearray(self._matcher.compute_logit_bias())
        return torch.from_numpy(np.frombuffer(mask, dtype=np.uint8)).bool()

    def push(self, token: int) -> bool:
        """Advance by one token; False if it does not fit or the grammar grew too complex."""
        return bool(self._matcher.consume_token(token))


class Grammar:
    """A compiled grammar for any number of replies."""

    def __init__(self, matcher: LLMatcher, source: str) -> None:
        self._matcher = matcher
        self._source = source

    @property
    def source(self) -> str:
        """What it was compiled from, in llguidance's variant of Lark."""
        return self._source

    def start(self) -> MatcherState:
        """The state of a reply that has not begun."""
        return MatcherState(self._matcher.deep_copy())


class GrammarCompiler:
    """Compiles grammars over one base model's tokens. Safe to use from any thread."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, eos_token_ids: frozenset[int], size: int
    ) -> None:
        """`size` is the width of the model's logits; it may differ from the tokenizer's."""
        self._tokens = from_tokenizer(
            tokenizer, n_vocab=max(size, len(tokenizer)), eos_token=sorted(eos_token_ids)
        )

    def token_bytes(self, token: int) -> bytes:
        """A token's bytes; they may be a part of a character."""
        return bytes(self._tokens.decode_bytes([token]))

    def compile(self, grammar: str) -> Grammar:
        """Compile a grammar in llguidance's variant of Lark, in up to a second of one core.

        Raises `GrammarError` with the reason.
        """
        matcher = LLMatcher(self._tokens, grammar, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            raise GrammarError(_reason(str(matcher.get_error())))
        first = matcher.deep_copy()
        first.compute_logit_bias()
        if first.is_stopped():  # only an empty reply would be left
            raise GrammarError("no reply fits it")
        return Grammar(matcher, grammar)


def _reason(error: str) -> str:
    """The reason in llguidance's error, in one line, without its excerpts of the grammar."""
    lines = [line.strip() for line in error.splitlines()]
    said = [line for line in lines if line.strip("^") and not re.match(r"\d+ \|", line)]
    reason = re.sub(r"^at \d+\(\d+\): (failed to compile JSON schema: )?", "", " ".join(said))
    return reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}…"
