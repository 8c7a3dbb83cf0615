"""The database schema of this package, as named, append-only migrations."""

from sqlite_utils import Database, Migrations

from feedback.records import ORGANISATION
from feedback.store.approved_proposals import turn_and_feedback
from feedback.store.rows import feedback_to_row, interaction_to_row
from feedback.store.storage_use import create_storage_use

migrations = Migrations("feedback")


def migrate(database: Database) -> None:
    """Apply all migrations that are missing."""
    with database.atomic():
        migrations.apply(database)


@migrations()
def create_interactions(database: Database) -> None:
    """Interactions. Of a deleted one, only the id stays, in `deleted_interactions`."""
    database.execute("""
        CREATE TABLE interactions (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            conversation_id TEXT NOT NULL,
            created_at REAL NOT NULL,
            model TEXT NOT NULL,
            adapter TEXT NOT NULL,
            messages TEXT NOT NULL CHECK (json_valid(messages)),
            replies TEXT NOT NULL CHECK (json_valid(replies)),
            finish_reasons TEXT NOT NULL CHECK (json_valid(finish_reasons)),
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('chat', 'background')),
            status TEXT NOT NULL CHECK (status IN ('complete', 'aborted', 'superseded')),
            listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
            request_hash TEXT NOT NULL,
            metadata TEXT NOT NULL CHECK (json_valid(metadata))
        ) STRICT""")
    database.execute("CREATE INDEX interactions_by_user ON interactions (user_id, created_at, id)")
    database.execute(
        "CREATE TABLE deleted_interactions (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"
    )


@migrations()
def create_feedback(database: Database) -> None:
    """Feedback. `target` has no foreign key, because feedback can arrive before its completion."""
    database.execute("""
        CREATE TABLE feedback (
            user_id TEXT NOT NULL,
            id TEXT NOT NULL,
            target TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            value INTEGER CHECK (value IN (-1, 1)),
            correction TEXT,
            preferred_over TEXT,
            comment TEXT,
            reason TEXT,
            metadata TEXT NOT NULL CHECK (json_valid(metadata)),
            status TEXT NOT NULL CHECK (status IN ('applied', 'pending')),
            PRIMARY KEY (user_id, id)
        ) STRICT""")
    database.execute("CREATE INDEX feedback_by_user ON feedback (user_id, created_at, id)")
    database.execute(
        "CREATE INDEX feedback_by_target ON feedback (user_id, target, created_at, id)"
    )
    database.execute("""
        CREATE INDEX feedback_by_loser ON feedback (user_id, preferred_over, created_at, id)
        WHERE preferred_over IS NOT NULL""")
    database.execute("""
        CREATE INDEX pending_feedback_by_age ON feedback (updated_at)
        WHERE status = 'pending'""")


@migrations()
def create_feedback_audit(database: Database) -> None:
    """All changes to feedback, without text; `trains` says whether training is affected."""
    database.execute("""
        CREATE TABLE feedback_audit (
            sequence INTEGER PRIMARY KEY,
            feedback_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            action TEXT NOT NULL,
            at REAL NOT NULL,
            trains INTEGER NOT NULL CHECK (trains IN (0, 1))
        ) STRICT""")
    database.execute("CREATE INDEX feedback_audit_by_user ON feedback_audit (user_id, trains, at)")


@migrations()
def create_rule_decisions(database: Database) -> None:
    """The users' decisions on rules."""
    database.execute("""
        CREATE TABLE rule_decisions (
            user_id TEXT NOT NULL,
            property TEXT NOT NULL,
            value TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('pinned', 'dropped')),
            decided_at REAL NOT NULL,
            PRIMARY KEY (user_id, property, value)
        ) STRICT, WITHOUT ROWID""")


@migrations()
def index_conversations(database: Database) -> None:
    """An index that finds the other replies to a turn's prompt."""
    database.execute(
        "CREATE INDEX interactions_by_conversation ON interactions (user_id, conversation_id)"
    )


@migrations()
def create_proposals(database: Database) -> None:
    """The model's proposals, and the user's decision on each."""
    database.execute("""
        CREATE TABLE proposals (
            user_id TEXT NOT NULL,
            id TEXT NOT NULL,
            kind TEXT NOT NULL,
            instruction TEXT NOT NULL,
            reply TEXT NOT NULL,
            proposed TEXT NOT NULL,
            written TEXT NOT NULL,
            is_cut INTEGER NOT NULL CHECK (is_cut IN (0, 1)),
            rules TEXT NOT NULL CHECK (json_valid(rules)),
            adapter TEXT NOT NULL,
            created_at REAL NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('proposed', 'approved', 'dropped')),
            decided_at REAL,
            PRIMARY KEY (user_id, id)
        ) STRICT""")
    database.execute("CREATE INDEX proposals_by_user ON proposals (user_id, created_at, id)")


@migrations()
def rename_columns(database: Database) -> None:
    """Give the columns the names of the records' fields."""
    for table, old, new in (
        ("feedback", "target", "completion_id"),
        ("rule_decisions", "property", "attribute"),
        ("proposals", "is_cut", "is_truncated"),
    ):
        database.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


@migrations()
def proposals_to_feedback(database: Database) -> None:
    """Approved proposals become chat turns that are liked or corrected; the others are dropped."""
    approved = database.query(
        "SELECT user_id, id AS proposal_id, instruction, reply, written, is_truncated, adapter,"
        " created_at, decided_at FROM proposals WHERE status = 'approved'"
    )
    for row in list(approved):
        turn, feedback = turn_and_feedback(**row)
        columns = interaction_to_row(turn)
        for later in (
            "message_id",
            "has_instructions",
            "organisation",
        ):  # later migrations add them
            del columns[later]
        database.table("interactions").insert(columns)
        database.table("feedback").insert(feedback_to_row(feedback))
    database.execute("DROP TABLE proposals")


@migrations()
def index_audit_by_item(database: Database) -> None:
    """An index that counts the items that changed after an entry; nothing looks by time."""
    database.execute("DROP INDEX feedback_audit_by_user")
    database.execute(
        "CREATE INDEX feedback_audit_by_item ON feedback_audit (user_id, trains, feedback_id)"
    )


@migrations()
def count_storage_use(database: Database) -> None:
    """How much is stored of each user."""
    create_storage_use(database)


@migrations()
def add_message_ids(database: Database) -> None:
    """The ids that frontends give replies, and an index that finds a reply by one."""
    database.execute("ALTER TABLE interactions ADD COLUMN message_id TEXT")
    database.execute("""
        CREATE INDEX interactions_by_message ON interactions (user_id, message_id, created_at, id)
        WHERE message_id IS NOT NULL""")


@migrations()
def add_has_instructions(database: Database) -> None:
    """Whether the first message was sent as the `instructions` of a response."""
    database.execute(
        "ALTER TABLE interactions ADD COLUMN has_instructions INTEGER NOT NULL DEFAULT 0"
        " CHECK (has_instructions IN (0, 1))"
    )


@migrations()
def index_feedback_by_time(database: Database) -> None:
    """An index that counts the feedback of some days without reading a text."""
    database.execute("""
        CREATE INDEX feedback_by_time
        ON feedback (created_at, status, value, (correction IS NOT NULL))""")


@migrations()
def create_chat_titles(database: Database) -> None:
    """The titles that users give their chats, and an index that lists chats.

    A title goes with the last exchange of its chat.
    """
    database.execute("""
        CREATE TABLE chat_titles (
            user_id TEXT NOT NULL,
            conversation_id TEXT NOT NULL,
            title TEXT NOT NULL,
            PRIMARY KEY (user_id, conversation_id)
        ) STRICT, WITHOUT ROWID""")
    database.execute("""
        CREATE INDEX interactions_by_chat
        ON interactions (user_id, conversation_id, created_at, id)
        WHERE kind = 'chat' AND status != 'superseded'""")
    database.execute("""
        CREATE TRIGGER chat_titles_of_deleted_interactions AFTER DELETE ON interactions
        WHEN NOT EXISTS (SELECT 1 FROM interactions
            WHERE user_id = OLD.user_id AND conversation_id = OLD.conversation_id)
        BEGIN
            DELETE FROM chat_titles
            WHERE user_id = OLD.user_id AND conversation_id = OLD.conversation_id;
        END""")


@migrations()
def create_organisation(database: Database) -> None:
    """The users' choices about the organisation's adapter, and the documents that it learns.

    A user's newest choice counts. Of a deleted document all but the text stays, for the log. What
    changes in the feedback of users who share is new to the organisation, too.
    """
    database.execute("ALTER TABLE interactions ADD COLUMN organisation TEXT")
    database.execute("""
        CREATE TABLE organisation_choices (
            id INTEGER PRIMARY KEY,
            user_id TEXT NOT NULL,
            shares INTEGER NOT NULL CHECK (shares IN (0, 1)),
            uses INTEGER NOT NULL CHECK (uses IN (0, 1)),
            at REAL NOT NULL
        ) STRICT""")
    database.execute(
        "CREATE INDEX organisation_choices_by_user ON organisation_choices (user_id, id)"
    )
    database.execute("""
        CREATE TABLE organisation_documents (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            text TEXT NOT NULL,
            added_at REAL NOT NULL,
            added_by TEXT NOT NULL,
            num_rejected INTEGER,
            deleted_at REAL,
            deleted_by TEXT
        ) STRICT""")
    database.execute(f"""
        CREATE TRIGGER organisation_hears AFTER INSERT ON feedback_audit
        WHEN NEW.trains = 1 AND NEW.user_id != '{ORGANISATION}'
        AND (SELECT shares FROM organisation_choices WHERE user_id = NEW.user_id
            ORDER BY id DESC LIMIT 1) = 1
        BEGIN
            INSERT INTO feedback_audit (feedback_id, user_id, action, at, trains)
            VALUES ('shared-' || NEW.sequence, '{ORGANISATION}', NEW.action, NEW.at, 1);
        END""")
