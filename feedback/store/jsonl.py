"""The JSON Lines format of a user's data, for `export` and `import_rows`. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from feedback.errors import InvalidFeedbackError
from feedback.records import Feedback, Interaction, InteractionKind, InteractionStatus, Message
from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus
from feedback.store.approved_proposals import turn_and_feedback
from feedback.store.chats import MAX_TITLE
from feedback.validation import END_OF_TIME, is_storable

MAX_ID = 128
MAX_MESSAGE_ID = 256
MAX_TEXT = 1_000_000
MAX_RULE_VALUE = 20_000
MAX_TURNS = 4096
MAX_PAIRS = 64
MAX_COUNT = 2**31 - 1
ROLES = ("system", "user", "assistant", "tool")

_Enum = TypeVar("_Enum", bound=StrEnum)


def interaction_to_json(interaction: Interaction) -> dict[str, Any]:
    """An interaction as a JSON-ready row, without its owner."""
    return {
        "type": "interaction",
        "id": interaction.id,
        "conversation_id": interaction.conversation_id,
        "created_at": interaction.created_at,
        "model": interaction.model,
        "adapter": interaction.adapter,
        "messages": [{"role": turn.role, "content": turn.content} for turn in interaction.messages],
        "replies": list(interaction.replies),
        "finish_reasons": list(interaction.finish_reasons),
        "prompt_tokens": interaction.prompt_tokens,
        "completion_tokens": interaction.completion_tokens,
        "kind": interaction.kind.value,
        "status": interaction.status.value,
        "listed": interaction.listed,
        "metadata": dict(interaction.metadata),
        "message_id": interaction.message_id,
        "has_instructions": interaction.has_instructions,
        "organisation": interaction.organisation,
    }


def feedback_to_json(feedback: Feedback) -> dict[str, Any]:
    """Feedback as a JSON-ready row, without its owner."""
    return {
        "type": "feedback",
        "id": feedback.id,
        "target": feedback.completion_id,
        "created_at": feedback.created_at,
        "updated_at": feedback.updated_at,
        "value": feedback.value,
        "correction": feedback.correction,
        "preferred_over": feedback.preferred_over,
        "comment": feedback.comment,
        "reason": feedback.reason,
        "metadata": dict(feedback.metadata),
        "status": feedback.status.value,
    }


def decision_to_json(decision: RuleDecision) -> dict[str, Any]:
    """A decision on a rule as a JSON-ready row, without its owner."""
    return {
        "type": "rule",
        "attribute": decision.rule.attribute,
        "value": decision.rule.value,
        "status": decision.status.value,
        "decided_at": decision.decided_at,
    }


def title_to_json(chat_id: str, title: str) -> dict[str, Any]:
    """A chat's title as a JSON-ready row, without its owner."""
    return {"type": "chat", "id": chat_id, "title": title}


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """What rows say; feedback and decisions with their row numbers, titles by chat."""

    interactions: list[Interaction]
    feedback: list[tuple[int, Feedback]]
    decisions: list[tuple[int, RuleDecision]]
    titles: dict[str, str]


def parse_rows(user_id: str, rows: Iterable[Mapping[str, Any]]) -> ParsedRows:
    """Read rows in any order: interactions, feedback, rule decisions and titles of chats.

    Feedback and decisions come with their row number, from 0. `user_id` becomes the owner of all,
    whatever the rows say. Of the proposals in earlier exports the approved ones become an
    interaction and feedback; the others are ignored.

    Raises:
        InvalidFeedbackError: a row is malformed, or two interactions share an id.
    """
    interactions: dict[str, Interaction] = {}
    feedback: list[tuple[int, Feedback]] = []
    decisions: list[tuple[int, RuleDecision]] = []
    titles: dict[str, str] = {}
    for number, content in enumerate(rows):
        if not isinstance(content, Mapping):
            raise row_error(number, "A row must be a JSON object.")
        row = _JsonRow(number, content)
        interaction = None
        if content.get("type") == "interaction":
            interaction = _interaction(user_id, row)
        elif content.get("type") == "feedback":
            feedback.append((number, _feedback(user_id, row)))
        elif content.get("type") == "rule":
            decisions.append((number, _decision(user_id, row)))
        elif content.get("type") == "chat":
            titles[row.label("id")] = row.label("title", MAX_TITLE)
        elif content.get("type") == "proposal":
            if content.get("status") == "approved":
                interaction, item = _approved_proposal(user_id, row)
                feedback.append((number, item))
        else:
            raise row_error(number, "The type must be interaction, feedback, rule or chat.", "type")
        if interaction is not None:
            if interaction.id in interactions:
                raise row_error(number, "Another interaction has this id.", "id")
            interactions[interaction.id] = interaction
    return ParsedRows(list(interactions.values()), feedback, decisions, titles)


def row_error(number: int, message: str, param: str | None = None) -> InvalidFeedbackError:
    """The error about one field of one row, or about the whole row."""
    field = f"rows[{number}]" if param is None else f"rows[{number}].{param}"
    return InvalidFeedbackError(f"Row {number}: {message}", field)


def _interaction(user_id: str, row: "_JsonRow") -> Interaction:
    replies = row.texts("replies")
    finish_reasons = row.texts("finish_reasons")
    if len(finish_reasons) != len(replies):
        raise row_error(row.number, "Every reply needs one finish reason.", "finish_reasons")
    return Interaction(
        id=row.label("id"),
        user_id=user_id,
        conversation_id=row.label("conversation_id"),
        created_at=row.time("created_at"),
        model=row.text("model"),
        adapter=row.label("adapter"),
        messages=row.messages("messages"),
        replies=replies,
        finish_reasons=finish_reasons,
        prompt_tokens=row.integer("prompt_tokens", 0, MAX_COUNT),
        completion_tokens=row.integer("completion_tokens", 0, MAX_COUNT),
        kind=row.choice("kind", InteractionKind),
        status=row.choice("status", InteractionStatus),
        listed=row.flag("listed"),
        metadata=row.metadata("metadata"),
        message_id=None if row.is_null("message_id") else row.label("message_id", MAX_MESSAGE_ID),
        has_instructions=not row.is_null("has_instructions") and row.flag("has_instructions"),
        organisation=None if row.is_null("organisation") else row.label("organisation"),
    )


def _feedback(user_id: str, row: "_JsonRow") -> Feedback:
    return Feedback(
        id=row.label("id"),
        user_id=user_id,
        completion_id=row.label("target"),
        created_at=row.time("created_at"),
        updated_at=row.time("updated_at"),
        value=None if row.is_null("value") else row.integer("value", -1, 1),
        correction=None if row.is_null("correction") else row.text("correction"),
        preferred_over=None if row.is_null("preferred_over") else row.label("preferred_over"),
        comment=None if row.is_null("comment") else row.text("comment"),
        reason=None if row.is_null("reason") else row.text("reason"),
        metadata=row.metadata("metadata"),
    )


def _decision(user_id: str, row: "_JsonRow") -> RuleDecision:
    name, value = row.label("attribute"), row.text("value", MAX_RULE_VALUE)
    if name not in ATTRIBUTES:
        raise row_error(row.number, "There is no such attribute.", "attribute")
    if not ATTRIBUTES[name].is_value(value):
        raise row_error(row.number, "The attribute has no such value.", "value")
    status = row.choice("status", RuleStatus)
    if status is RuleStatus.LEARNED:
        raise row_error(row.number, "The status must be pinned or dropped.", "status")
    return RuleDecision(user_id, Rule(name, value), status, row.time("decided_at"))


def _approved_proposal(user_id: str, row: "_JsonRow") -> tuple[Interaction, Feedback]:
    return turn_and_feedback(
        user_id=user_id,
        proposal_id=row.label("id"),
        instruction=row.label("instruction", MAX_TEXT),
        reply=row.label("reply", MAX_TEXT),
        written=row.text("written"),
        is_truncated=row.flag("is_truncated"),
        adapter=row.label("adapter"),
        created_at=row.time("created_at"),
        decided_at=None if row.is_null("decided_at") else row.time("decided_at"),
    )


class _JsonRow:
    """One untrusted row: each method returns a field of one type or raises `row_error`."""

    def __init__(self, number: int, content: Mapping[str, Any]) -> None:
        self.number = number
        self._content = content

    def is_null(self, name: str) -> bool:
        return self._content.get(name) is None

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        return self._text(name, self._content.get(name), limit)

    def label(self, name: str, limit: int = MAX_ID) -> str:
        value = self._text(name, self._content.get(name), limit)
        if not value:
            raise row_error(self.number, f"{name} must not be empty.", name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self._text(name, each, MAX_TEXT) for each in self._list(name))

    def messages(self, name: str) -> tuple[Message, ...]:
        turns = []
        for turn in self._list(name):
            if not isinstance(turn, Mapping) or turn.get("role") not in ROLES:
                raise row_error(self.number, f"A message needs a role: {', '.join(ROLES)}.", name)
            turns.append(Message(turn["role"], self._text(name, turn.get("content"), MAX_TEXT)))
        return tuple(turns)

    def metadata(self, name: str) -> dict[str, str]:
        pairs = self._content.get(name, {})
        if not isinstance(pairs, Mapping) or len(pairs) > MAX_PAIRS:
            message = f"{name} must be an object of at most {MAX_PAIRS} pairs."
            raise row_error(self.number, message, name)
        return {
            self._text(name, key, MAX_TEXT): self._text(name, value, MAX_TEXT)
            for key, value in pairs.items()
        }

    def time(self, name: str) -> float:
        value = self._content.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise row_error(self.number, f"{name} must be a number.", name)
        if not 0 <= value < END_OF_TIME:  # also refuses NaN
            raise row_error(self.number, f"{name} must be a time in seconds since 1970.", name)
        return float(value)

    def integer(self, name: str, low: int, high: int) -> int:
        value = self._content.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            message = f"{name} must be a whole number from {low} to {high}."
            raise row_error(self.number, message, name)
        return value

    def flag(self, name: str) -> bool:
        value = self._content.get(name)
        if not isinstance(value, bool):
            raise row_error(self.number, f"{name} must be true or false.", name)
        return value

    def choice(self, name: str, choices: type[_Enum]) -> _Enum:
        value = self._content.get(name)
        for choice in choices:
            if value == choice.value:
                return choice
        raise row_error(self.number, f"{name} must be one of {', '.join(choices)}.", name)

    def _list(self, name: str) -> list[Any]:
        value = self._content.get(name)
        if not isinstance(value, list) or len(value) > MAX_TURNS:
            raise row_error(self.number, f"{name} must be a list of at most {MAX_TURNS}.", name)
        return value

    def _text(self, name: str, value: object, limit: int) -> str:
        if not isinstance(value, str) or len(value) > limit or not is_storable(value):
            raise row_error(
                self.number, f"{name} must be text of at most {limit} characters.", name
            )
        return value
