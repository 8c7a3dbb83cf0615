"""Imports Open WebUI's feedback export for the users of one frontend."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.store.log import FeedbackLog
from server.accounts.accounts import Account, ErasedIdentityError, UnknownAccountError
from server.accounts.identity import AmbiguousIdentityError, checked_identity
from server.services import Services
from server.user_data.open_webui_export import (
    JsonRow,
    Rating,
    UnusableRatingError,
    parse_rating,
    to_rows,
)


@dataclass
class ImportedRatings:
    """How many records were stored, of which users, and why which rows of the file were not."""

    rows: int = 0
    users: set[str] = field(default_factory=set)
    skipped: list[JsonRow] = field(default_factory=list)


def import_ratings(
    services: Services, frontend: Account, rows: Sequence[Any], now: float
) -> ImportedRatings:
    """Store every usable rating with its turn. What is stored already stays as it is."""
    done = ImportedRatings()
    for number, row in enumerate(rows, start=1):
        try:
            rating = parse_rating(row)
            with services.stores.database.atomic():
                user = _user(services, frontend, rating, now)
                services.moves.refuse_moving(user.id)
                done.rows += _store(services.stores.log, user.id, rating)
            done.users.add(user.id)
        except (
            AmbiguousIdentityError,
            ErasedIdentityError,
            InvalidFeedbackError,
            NotFoundError,
            UnusableRatingError,
        ) as error:
            named = row.get("id") if isinstance(row, dict) else None
            done.skipped.append({"row": number, "id": _short(named), "why": str(error)})
    return done


def _user(services: Services, frontend: Account, rating: Rating, now: float) -> Account:
    name = checked_identity(rating.user, "user_id")
    try:
        return services.accounts.known_user(frontend, name)
    except UnknownAccountError:
        return services.accounts.acting_user(frontend, name, now)


def _store(log: FeedbackLog, user_id: str, rating: Rating) -> int:
    """Store a rating. A turn that Loralei answered itself is not stored a second time."""
    *turns, feedback = to_rows(rating, user_id)
    stored = {}
    for turn in turns:
        completion_id = log.completion_id(user_id, turn["message_id"])
        if completion_id != turn["message_id"]:
            stored[turn["id"]] = completion_id
    new = [turn for turn in turns if turn["id"] not in stored]
    target, loser = feedback["target"], feedback["preferred_over"]
    feedback["target"] = stored.get(target, target)
    feedback["preferred_over"] = stored.get(loser, loser)
    try:
        return log.import_rows(user_id, [*new, feedback])
    except InvalidFeedbackError:
        if loser is None:
            raise
        # Loralei answered one of the two itself, and its prompt had more than the snapshot shows.
        new = [turn for turn in new if turn["id"] != loser]
        return log.import_rows(user_id, [*new, feedback | {"preferred_over": None}])


def _short(value: Any) -> str | None:
    return value[:128] if isinstance(value, str) else None
