"""The SQL of what users want of the organisation's adapter; see `OrganisationChoice`."""

from sqlite_utils import Database

from feedback.records import OrganisationChoice


def select_choices(database: Database, user_id: str, limit: int = -1) -> list[OrganisationChoice]:
    """The user's newest choices, newest first; a negative limit is none."""
    rows = database.query(
        "SELECT user_id, shares, uses, at FROM organisation_choices WHERE user_id = ?"
        " ORDER BY id DESC LIMIT ?",
        [user_id, limit],
    )
    return [
        OrganisationChoice(row["user_id"], bool(row["shares"]), bool(row["uses"]), row["at"])
        for row in rows
    ]


def insert_choice(database: Database, choice: OrganisationChoice) -> int:
    """Store a choice as the user's newest; the number of its row."""
    cursor = database.execute(
        "INSERT INTO organisation_choices (user_id, shares, uses, at) VALUES (?, ?, ?, ?)",
        [choice.user_id, int(choice.shares), int(choice.uses), choice.at],
    )
    return int(cursor.lastrowid or 0)


def members_of(database: Database) -> tuple[str, ...]:
    """The users who share their examples with the organisation, in the order of their ids."""
    rows = database.query(
        "SELECT user_id FROM organisation_choices AS own WHERE shares = 1 AND id ="
        " (SELECT max(id) FROM organisation_choices WHERE user_id = own.user_id) ORDER BY user_id"
    )
    return tuple(row["user_id"] for row in rows)
