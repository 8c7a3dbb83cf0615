"""Answers of `POST /v1/completions`: texts, or their chunks. Reasoning is left out."""

from collections.abc import Iterator

from server.chat.completion_form import CompletionForm
from server.chat.replies import ChoiceDelta
from server.chat.streaming import event, loralei_json
from server.wire.responses import Json
from server.wire.text_completions import text_choice_json, text_json


class TextForm(CompletionForm):
    """OpenAI's text completion of one turn."""

    def whole(self) -> Json:
        """The completion."""
        choices = [
            text_choice_json(index, choice.content, choice.finish_reason)
            for index, choice in enumerate(self._replies.choices)
        ]
        return self._chunk(choices) | self._totals()

    def begin(self) -> Iterator[str]:
        """An empty text for every choice."""
        for index in range(self._turn.num_choices):
            more = {} if index else {"loralei": loralei_json(self._turn)}
            yield event(self._chunk([text_choice_json(index, "", None)]) | more)

    def delta(self, delta: ChoiceDelta) -> Iterator[str]:
        """The new text of a choice."""
        if delta.content:
            yield event(self._chunk([text_choice_json(delta.index, delta.content, None)]))

    def _chunk(self, choices: list[Json]) -> Json:
        return text_json(self._turn.id, self._turn.created, self._turn.model, choices)

    def _last_choice(self, index: int, finish_reason: str) -> Json:
        return text_choice_json(index, "", finish_reason)
