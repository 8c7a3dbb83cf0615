"""Control tokens, such as `<|im_end|>`: they come from the chat template only, never from contents.

A tokenizer finds the texts of control tokens wherever they stand. So contents that have such a text
are rendered with masks in their places. Then the template's own control tokens get private names,
the masks become text again, and a twin of the tokenizer that knows only the private names encodes
all of it at once. Every other token is the same as ever.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

_SHAPE = re.compile(r"<[|｜].*[|｜]>")


class ControlTokens:
    """The control tokens of one tokenizer, and how to encode texts in which some are only text.

    `ids` has them by text. They are its special tokens, and added tokens that `templates` writes or
    that look like `<|…|>`. Other added tokens, such as runs of spaces, are ordinary text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, templates: str) -> None:
        tokens = {
            i: token
            for i, token in tokenizer.added_tokens_decoder.items()
            if token.special or token.content in templates or _SHAPE.fullmatch(token.content)
        }
        self.ids: Mapping[str, int] = {
            token.content: i for i, token in tokens.items() if token.content.strip()
        }
        self._tokenizer = tokenizer
        texts = sorted(self.ids, key=len, reverse=True)  # the tokenizer takes the longest
        self._pattern = _any_of(texts)
        self._normalizer = tokenizer.backend_tokenizer.normalizer
        normalized = [token.content for token in tokens.values() if token.normalized]
        if self._normalizer is not None:
            normalized = [self._normalizer.normalize_str(text) for text in normalized]
        self._normalized = _any_of(normalized) if normalized and self._normalizer else None
        # Nobody can guess these, so nobody can write them.
        secret = secrets.token_hex(8)
        self._masks = {text: f"mask{secret}n{i}x" for i, text in enumerate(texts)}
        self._names = {text: f"<name{secret}n{i}x>" for i, text in enumerate(texts)}
        self._hidden = {mask: text for text, mask in self._masks.items()}
        self._either = _any_of([*self._hidden, *texts])

    def are_in(self, value: Any) -> bool:
        """Whether any text in a value of JSON has a control token."""
        if isinstance(value, str):
            if self._normalized and self._normalized.search(self._normalizer.normalize_str(value)):
                return True
            return self._pattern.search(value) is not None
        if isinstance(value, Mapping):
            return any(self.are_in(key) or self.are_in(below) for key, below in value.items())
        return isinstance(value, Sequence) and any(map(self.are_in, value))

    def masked(self, value: Any) -> Any:
        """The same value of JSON, with a mask in the place of each control token."""
        if isinstance(value, str):
            return self._pattern.sub(lambda found: self._masks[found[0]], value)
        if isinstance(value, Mapping):
            return {self.masked(key): self.masked(below) for key, below in value.items()}
        return [self.masked(below) for below in value] if isinstance(value, list | tuple) else value

    def encode_masked(self, text: str) -> list[int]:
        """Token ids of a rendered text in which masks stand for texts."""

        def swapped(found: re.Match[str]) -> str:
            return self._hidden.get(found[0]) or self._names[found[0]]

        return self._encode(self._either.sub(swapped, text))

    def encode_as_text(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Token ids of a text in which nothing is a control token."""
        return self._encode(text, add_special_tokens=add_special_tokens)

    def _encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        encoding = self._twin.encode(text, add_special_tokens=add_special_tokens)
        ids: list[int] = []
        for token, is_around in zip(encoding.ids, encoding.special_tokens_mask, strict=True):
            if token in self._merged and not is_around:
                ids += self._merged[token]
            else:
                ids.append(self._ids_of_twin.get(token, token))
        return ids

    @cached_property
    def _twin(self) -> Tokenizer:
        """A tokenizer over the same vocabulary, in which control tokens have private names."""
        backend = self._tokenizer.backend_tokenizer
        twin = Tokenizer(backend.model)
        for part in ("normalizer", "pre_tokenizer", "post_processor"):
            if (value := getattr(backend, part)) is not None:
                setattr(twin, part, value)
        twin.add_tokens(
            [
                AddedToken(
                    self._names.get(token.content, token.content),
                    single_word=token.single_word,
                    lstrip=token.lstrip,
                    rstrip=token.rstrip,
                    normalized=token.normalized,
                )
                for token in self._tokenizer.added_tokens_decoder.values()
            ]
        )
        return twin

    @cached_property
    def _ids_of_twin(self) -> dict[int | None, int]:
        """The ids of added tokens by those that the twin gave them."""
        return {
            self._twin.token_to_id(self._names.get(token.content, token.content)): i
            for i, token in self._tokenizer.added_tokens_decoder.items()
        }

    @cached_property
    def _merged(self) -> dict[int, list[int]]:
        """Control tokens that the vocabulary has, too, by characters: a text may be merged to one.

        The unknown token is not among them: it stands for other texts.
        """
        model = self._tokenizer.backend_tokenizer.model
        return {
            token: [part.id for character in text for part in model.tokenize(character)]
            for text, token in self.ids.items()
            if model.token_to_id(text) == token and token != self._tokenizer.unk_token_id
        }


def _any_of(texts: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, texts)) or r"(?!)")
