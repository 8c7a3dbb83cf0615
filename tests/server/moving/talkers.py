"""People who chat and correct without a pause, whatever cell they live in."""

import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.server.live import LiveServer, chat_body
from tests.server.moving.nginx import CellProxy

PATIENCE_SECONDS = 120.0


@dataclass
class Talker:
    """One person: what was acknowledged, and how long requests were refused because of a move."""

    user_id: str
    key: str
    name: str | None = None
    turns: list[str] = field(default_factory=list)
    corrections: dict[str, str] = field(default_factory=dict)
    refusals: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def talk(self, proxy: CellProxy, is_over: threading.Event) -> None:
        """Chat, streamed and not, and correct each reply, until this is over."""
        headers = headers_of(self.key, self.name)
        # A reload of nginx closes idle connections, and a request may just be on its way in one.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(
            base_url=proxy.url, verify=proxy.tls, headers=headers, timeout=120, limits=limits
        ) as client:
            for number in itertools.count():
                if is_over.is_set():
                    return
                text = f"question {number} of {self.user_id}"
                body = chat_body(text, stream=bool(number % 2))
                turn = self._post(client, "/v1/chat/completions", body)
                self.turns.append(completion_of(turn))
                said = f"correction {number} of {self.user_id}"
                feedback = {"target": self.turns[-1], "correction": said}
                given = self._post(client, "/v1/feedback", feedback)
                self.corrections[given.json()["id"]] = said

    def _post(self, client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
        """The answer, as soon as no move refuses the request."""
        began, refused = time.monotonic(), 0.0
        while True:
            answer = client.post(path, json=body)
            if answer.is_success:
                if refused:
                    self.refusals.append(time.monotonic() - refused)
                return answer
            if answer.status_code != 503 or "user_is_moving" not in answer.text:
                self.wrong.append(f"{answer.status_code} {answer.text[:200]}")
                answer.raise_for_status()
            refused = refused or time.monotonic()
            assert time.monotonic() - began < PATIENCE_SECONDS, "the move did not end"
            time.sleep(float(answer.headers["retry-after"]) / 4)


def headers_of(key: str, name: str | None) -> dict[bytes, bytes]:
    """The headers of a user's own key, or of a frontend's that names a user."""
    headers = {b"Authorization": f"Bearer {key}".encode()}
    return headers if name is None else headers | {b"X-Loralei-User-Id": name.encode()}


def completion_of(answer: httpx.Response) -> str:
    """The id of a reply that was stored. Raises `AssertionError` if it was not."""
    assert "not_stored" not in answer.text, answer.text
    if answer.headers["content-type"].startswith("application/json"):
        return str(answer.json()["id"])
    lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    assert answer.text.rstrip().endswith("[DONE]")
    return str(json.loads(lines[0].removeprefix("data: "))["id"])


def problems(talker: Talker, cells: tuple[LiveServer, ...]) -> list[str]:
    """Sentences about what of a person is lost or doubled, in all cells together."""
    stored: Counter[str] = Counter()
    for cell in cells:
        for row in cell.services.stores.log.export(talker.user_id):
            if row["type"] == "interaction":
                stored[row["id"]] += 1
            elif row["type"] == "feedback" and row["correction"] is not None:
                stored[f"{row['id']}: {row['correction']}"] += 1
    given = (f"{feedback_id}: {text}" for feedback_id, text in talker.corrections.items())
    acknowledged = Counter([*talker.turns, *given])
    return [
        *talker.wrong,
        *(f"{each} is lost" for each in acknowledged - stored),
        *(f"{each} is doubled, or was never acknowledged" for each in stored - acknowledged),
    ]
