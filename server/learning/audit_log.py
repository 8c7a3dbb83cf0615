"""Who did what when, newest first: read from what the packages store of it anyway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feedback.records import ORGANISATION
from server.accounts.accounts import SERVER
from server.database import SharedDatabase
from server.storage.erasure_log import ErasureLog
from server.wire.responses import Json, label

_CHANGES = f"""
    SELECT at, 'promotion-' || id AS id, by, user_id, from_number, to_number, reason,
        CASE WHEN undoes IS NULL THEN 'promoted' ELSE 'rolled back' END AS action
    FROM adapter_promotions
    UNION ALL SELECT at, 'freeze-' || id, by, user_id, NULL, NULL, '',
        CASE WHEN is_frozen THEN 'froze' ELSE 'unfroze' END
    FROM adapter_freezes
    UNION ALL SELECT api_keys.created_at, 'key-' || public_id,
        iif(api_keys.made_by = :server, :server, maker.name), user_id, NULL, NULL, '', 'key made'
    FROM api_keys LEFT JOIN users AS maker ON maker.id = api_keys.made_by
    UNION ALL SELECT made.created_at, 'account-' || made.id,
        iif(made.made_by = :server, :server, maker.name), made.id, NULL, NULL, '', 'account made'
    FROM users AS made LEFT JOIN users AS maker ON maker.id = made.made_by
    UNION ALL SELECT created_at, id, requested_by, user_id, NULL, NULL, '', 'training requested'
    FROM runs WHERE trigger = 'request'
    UNION ALL SELECT at, 'choice-' || id, (SELECT name FROM users WHERE id = choice.user_id),
        user_id, NULL, NULL, '', 'organisation: ' || iif(shares, 'shares', 'shares nothing')
        || iif(uses, ', uses it', ', does not use it')
    FROM organisation_choices AS choice
    UNION ALL SELECT added_at, id || '-added', added_by, '{ORGANISATION}', NULL, NULL, name,
        'document added'
    FROM organisation_documents
    UNION ALL SELECT deleted_at, id || '-deleted', deleted_by, '{ORGANISATION}', NULL, NULL, name,
        'document deleted'
    FROM organisation_documents WHERE deleted_at IS NOT NULL
    UNION ALL SELECT at, 'erasure-' || id, NULL, NULL, NULL, NULL, id, 'erased'
    FROM noted_erasures WHERE at IS NOT NULL
"""
_FEEDBACK = """
    UNION ALL SELECT at, 'feedback-' || sequence, (SELECT name FROM users WHERE id = :user),
        user_id, NULL, NULL, '', 'feedback ' || action
    FROM feedback_audit WHERE user_id = :user AND trains IN (0, 1)
"""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, and whether older ones follow."""

    entries: list[Json]
    has_more: bool


def read_audit(
    database: SharedDatabase,
    erasures: ErasureLog,
    *,
    user_id: str | None,
    after: tuple[float, str] | None,
    limit: int,
) -> AuditPage:
    """The entries about one user, with those of the feedback, or about all users without it.

    `after` is the time and the id of the last entry of the page before. Of an erased user only a
    salted hash is known.
    """
    conditions = ["1"]
    values: dict[str, Any] = {"limit": limit + 1, "user": user_id, "server": SERVER}
    if user_id is not None:
        conditions.append("change.user_id = :user")
    if after is not None:
        conditions.append("(at, change.id) < (:at, :id)")
        values |= {"at": after[0], "id": after[1]}
    rows = list(
        database.query(
            "SELECT change.*, users.name AS user_name"
            f" FROM ({_CHANGES}{'' if user_id is None else _FEEDBACK}) AS change"
            " LEFT JOIN users ON users.id = change.user_id"
            f" WHERE {' AND '.join(conditions)} ORDER BY at DESC, change.id DESC LIMIT :limit",
            values,
        )
    )
    has_erasures = any(row["action"] == "erased" for row in rows)
    hashes = {each.id: each.user for each in erasures.all()} if has_erasures else {}
    return AuditPage([_entry(row, hashes) for row in rows[:limit]], len(rows) > limit)


def _entry(row: dict[str, Any], hashes: Mapping[str, str]) -> Json:
    is_move = row["action"] in ("promoted", "rolled back")
    is_erasure = row["action"] == "erased"
    return {
        "id": row["id"],
        "object": "audit.entry",
        "at": row["at"],
        "action": row["action"],
        "by": row["by"],
        "user": row["user_id"],
        "user_name": row["user_name"],
        "user_hash": hashes.get(row["reason"]) if is_erasure else None,
        "from": label(row["from_number"]) if is_move else None,
        "to": label(row["to_number"]) if is_move else None,
        "reason": "" if is_erasure else row["reason"],
    }
