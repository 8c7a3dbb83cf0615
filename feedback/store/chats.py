"""The SQL of chats: lists them, finds the turns of one, searches them, and stores their titles."""

import json
from collections.abc import Collection

from sqlite_utils import Database

from feedback.records import Chat, Interaction
from feedback.store.queries import select_interactions

MAX_TITLE = 120
MAX_CHAT_TURNS = 500
MAX_CHAT_CHARACTERS = 32 << 20
MAX_SEARCHED_TURNS = 5000
_MAX_SEARCHED_CHARACTERS = 20_000
_SEARCHED_AT_ONCE = 200
_DERIVED_TITLE = 60

IS_CHAT_TURN = "user_id = :user AND kind = 'chat' AND status != 'superseded'"


def select_chats(
    database: Database,
    user_id: str,
    *,
    after: Chat | None = None,
    limit: int,
    ids: Collection[str] | None = None,
) -> tuple[list[Chat], bool]:
    """A page of the user's chats, the last used first, and whether more follow.

    `ids` are the only ones to list, if given.
    """
    listed = "" if ids is None else " AND conversation_id IN (SELECT value FROM json_each(:ids))"
    values = {
        "user": user_id,
        "at": after and after.updated_at,
        "after": after and after.id,
        "limit": limit + 1,
        "ids": json.dumps(sorted(ids or ())),
    }
    rows = list(
        database.query(
            "WITH chats AS (SELECT conversation_id AS id, min(created_at) AS created_at,"
            # Else SQLite takes an index that lacks the times, and reads every exchange.
            " max(created_at) AS updated_at, count(*) AS replies"
            " FROM interactions INDEXED BY interactions_by_chat"
            f" WHERE {IS_CHAT_TURN}{listed}"
            " GROUP BY conversation_id) SELECT chats.*, title FROM chats"
            " LEFT JOIN chat_titles ON user_id = :user AND conversation_id = id"
            " WHERE :at IS NULL OR (updated_at, id) < (:at, :after)"
            " ORDER BY updated_at DESC, id DESC LIMIT :limit",
            values,
        )
    )
    chats = [
        Chat(**row | {"title": row["title"] or _derived_title(database, user_id, row["id"])})
        for row in rows[:limit]
    ]
    return chats, len(rows) > limit


def find_chat(database: Database, user_id: str, chat_id: str) -> Chat | None:
    """The user's chat with this id."""
    found, _ = select_chats(database, user_id, limit=1, ids=[chat_id])
    return found[0] if found else None


def has_chat(database: Database, user_id: str, chat_id: str) -> bool:
    """Whether the user has a chat with this id."""
    rows = database.query(
        f"SELECT 1 FROM interactions WHERE {IS_CHAT_TURN} AND conversation_id = :chat LIMIT 1",
        {"user": user_id, "chat": chat_id},
    )
    return any(rows)


def select_turns(database: Database, user_id: str, chat_id: str) -> list[Interaction]:
    """The newest turns of a chat, oldest first, as many as one request may read."""
    return select_interactions(
        database,
        "id IN (SELECT id FROM (SELECT id, sum(length(messages) + length(replies))"
        " OVER (ORDER BY created_at DESC, id DESC) AS total FROM interactions"
        f" WHERE {IS_CHAT_TURN} AND conversation_id = :chat"
        " ORDER BY created_at DESC, id DESC LIMIT :turns) WHERE total <= :characters)",
        {
            "user": user_id,
            "chat": chat_id,
            "turns": MAX_CHAT_TURNS,
            "characters": MAX_CHAT_CHARACTERS,
        },
    )


def chats_with(database: Database, user_id: str, words: str) -> set[str]:
    """The ids of the user's chats with these words in the title or in one of the newest turns."""
    wanted = words.casefold()
    found = {
        row["conversation_id"]
        for row in database.query(
            "SELECT conversation_id, title FROM chat_titles WHERE user_id = ?", [user_id]
        )
        if wanted in row["title"].casefold()
    }
    # A few at a time: others may use the database meanwhile.
    for offset in range(0, MAX_SEARCHED_TURNS, _SEARCHED_AT_ONCE):
        rows = list(
            database.query(
                "SELECT conversation_id, substr(messages ->> '$[#-1][1]', 1, :most) AS question,"
                f" substr(replies ->> 0, 1, :most) AS reply FROM interactions WHERE {IS_CHAT_TURN}"
                " ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset",
                {
                    "user": user_id,
                    "most": _MAX_SEARCHED_CHARACTERS,
                    "limit": _SEARCHED_AT_ONCE,
                    "offset": offset,
                },
            )
        )
        found |= {
            row["conversation_id"]
            for row in rows
            if any(wanted in (text or "").casefold() for text in (row["question"], row["reply"]))
        }
        if len(rows) < _SEARCHED_AT_ONCE:
            break
    return found


def select_titles(database: Database, user_id: str) -> dict[str, str]:
    """The titles that the user has given, by chat."""
    rows = database.query(
        "SELECT conversation_id, title FROM chat_titles WHERE user_id = ? ORDER BY conversation_id",
        [user_id],
    )
    return {row["conversation_id"]: row["title"] for row in rows}


def write_title(database: Database, user_id: str, chat_id: str, title: str | None) -> None:
    """Store a title in place of the earlier one, or delete it."""
    database.execute(
        "DELETE FROM chat_titles WHERE user_id = ? AND conversation_id = ?", [user_id, chat_id]
    )
    if title is not None:
        database.execute("INSERT INTO chat_titles VALUES (?, ?, ?)", [user_id, chat_id, title])


def _derived_title(database: Database, user_id: str, chat_id: str) -> str:
    rows = database.query(
        "SELECT substr(message.value ->> 1, 1, :most) AS text FROM (SELECT messages"
        f" FROM interactions WHERE {IS_CHAT_TURN} AND conversation_id = :chat"
        " ORDER BY created_at, id LIMIT 1) AS first, json_each(first.messages) AS message"
        " WHERE message.value ->> 0 = 'user' ORDER BY message.key LIMIT 1",
        {"user": user_id, "chat": chat_id, "most": 4 * _DERIVED_TITLE},
    )
    return derived_title(next((row["text"] for row in rows), ""))


def derived_title(message: str) -> str:
    """The title of a chat that begins with this message, if the user gives it none."""
    text = " ".join(message[: 4 * _DERIVED_TITLE].split())
    return f"{text[:_DERIVED_TITLE]}…" if len(text) > _DERIVED_TITLE else text
