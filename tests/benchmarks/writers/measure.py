"""Trains the writers over HTTP, and has the base and their adapters score edits in process."""

import time
from collections.abc import Sequence
from contextlib import closing

import torch
from rich.progress import Progress
from safetensors.torch import load_file

from adapters_store.base_model import BaseModel
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import Message
from scheduler.fit.batching import TokenisedReply, collate
from scheduler.fit.losses import mean_per_token, reply_log_probs
from server.client import Client
from tests.benchmarks.gate.import_lines import import_lines
from tests.benchmarks.learning.server import download_adapter, files_client
from tests.benchmarks.learning.simulated_user import train
from tests.benchmarks.writers.results import BASE, Scored, Trained, WritersResults
from tests.benchmarks.writers.rows import Row
from tests.benchmarks.writers.users import WritingUser

ADAPTER = 1
"""The pool's slot for the adapter that scores."""


class TrainingWriters:
    """Trains users on a server without other users."""

    def __init__(self, url: str, admin_key: str, results: WritersResults, bar: Progress) -> None:
        self._url = url
        self._admin_key = admin_key
        self._admin = Client(url, admin_key)
        self._results = results
        self._bar = bar

    def run(self, users: Sequence[WritingUser], taught: Sequence[Row]) -> None:
        """Train these users on their edits of the rows, and store their adapters."""
        task = self._bar.add_task("", total=len(users))
        with closing(self._admin):
            for user in users:
                self._bar.update(task, description=f"training {user.name}")
                self._results.trained.append([self._train(user, taught)])
                self._bar.advance(task)

    def _train(self, user: WritingUser, taught: Sequence[Row]) -> Trained:
        self._admin.post("/v1/admin/users", {"name": user.name})
        items = user.corrections(taught)
        with files_client(self._url, self._admin_key) as http:
            lines = import_lines(user.name, items, time.time())
            http.post(f"/v1/admin/users/{user.name}/feedback", content=lines).raise_for_status()
            run = train(self._admin, user.name, len(items))
            if run.status == "promoted":
                download_adapter(http, user.name, self._results.adapter(user.name))
        return Trained(user.name, run)


def score_missing(
    base: BaseModel,
    pool: AdapterPool,
    unscored: Sequence[str],
    rows: Sequence[Row],
    results: WritersResults,
    bar: Progress,
) -> None:
    """Score the edits under each of `unscored`, the base or users with adapters; resumable."""
    task = bar.add_task("", total=len(unscored) * len(rows))
    for who in unscored:
        bar.update(task, description=f"edits, {who}")
        if who != BASE:
            pool.load(ADAPTER, load_file(results.adapter(who) / WEIGHTS_FILE))
        for row in rows:
            if (who, row.id) not in results.scored:
                with pool.use(NO_ADAPTER if who == BASE else ADAPTER):
                    results.scored.append([Scored(who, row.id, edit_log_probs(base, row))])
            bar.advance(task)


@torch.no_grad()
def edit_log_probs(base: BaseModel, row: Row) -> tuple[float, ...]:
    """The mean log-probability per token of each edit as the reply, in nats.

    The end of the turn counts as a token. Uses the slot that the model's pool has in use.
    """
    replies = []
    for edit in row.edits:
        ids, is_reply = base.renderer.example_ids([Message("user", row.instruction)], edit)
        replies.append(TokenisedReply(tuple(ids), (1.0,) * sum(is_reply)))
    batch = collate(replies, base.device)
    return tuple(mean_per_token(reply_log_probs(base, batch), batch).tolist())
