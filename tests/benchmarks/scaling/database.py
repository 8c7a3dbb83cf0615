"""How large a turn is in the database: the real tables, with texts of the usual length."""

import tempfile
from pathlib import Path

from feedback.records import Message
from feedback.store.log import FeedbackLog
from server.database import SharedDatabase
from tests.benchmarks.scaling.constants import CHARACTERS_A_TOKEN, PROMPT_TOKENS, REPLY_TOKENS
from tests.feedback.make import make_feedback, make_interaction

TURNS = 2_000


def bytes_a_turn() -> float:
    """The size of the file, by turn, if each turn has one item of feedback."""
    question = "a" * int(PROMPT_TOKENS * CHARACTERS_A_TOKEN)
    reply = "b" * int(REPLY_TOKENS * CHARACTERS_A_TOKEN)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loralei.db"
        with SharedDatabase(path) as database:
            log = FeedbackLog(database)
            database.checkpoint()
            before = path.stat().st_size
            with database.atomic():
                for number in range(TURNS):
                    add_turn(log, number, question, reply)
            database.checkpoint()
            return (path.stat().st_size - before) / TURNS


def add_turn(log: FeedbackLog, number: int, question: str, reply: str) -> None:
    """The second turn of a chat, which holds the first, and a rating of it."""
    user, name = f"user-{number % 100:032}", f"chatcmpl-{number:032x}"
    said = Message("user", question)
    messages = (said, Message("assistant", reply), said)
    log.store(make_interaction(name, user, messages=messages, replies=(reply,)))
    log.add_feedback(make_feedback(f"feedback-{number:032x}", user, name, value=1))
