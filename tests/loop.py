"""The whole loop over HTTP: chat, correct, retrain, chat again."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.server.live import LiveServer, Person

RUN_SECONDS = 280
FINAL = {"promoted", "refused", "failed", "cancelled"}


@dataclass(frozen=True)
class Loop:
    """A server and the model that it serves."""

    server: LiveServer
    model: str
    max_tokens: int = 24

    def ask(self, person: Person, question: str) -> dict[str, Any]:
        """One greedy reply of the weights alone, because memory would use the first correction."""
        return self.server.chat(
            person.key,
            question,
            model=self.model,
            max_tokens=self.max_tokens,
            loralei={"memory": False},
        )

    def text(self, person: Person, question: str) -> str:
        """The text of one greedy reply."""
        text: str = self.ask(person, question)["choices"][0]["message"]["content"]
        return text

    def correct(self, person: Person, question: str, correction: str | None = None) -> None:
        """Ask, and correct the reply: to lower case if no other correction is given."""
        reply = self.ask(person, question)
        text = reply["choices"][0]["message"]["content"]
        with self.server.client(person.key) as client:
            body = {"target": reply["id"], "correction": correction or text.lower()}
            client.post("/v1/feedback", json=body).raise_for_status()

    def retrain(self, person: Person) -> dict[str, Any]:
        """Ask for a run and wait for its end."""
        with self.server.admin() as admin:
            run = _json(admin.post(f"/v1/admin/adapters/{person.id}/train"))
            deadline = time.monotonic() + RUN_SECONDS
            while run["status"] not in FINAL and time.monotonic() < deadline:
                time.sleep(0.2)
                run = _json(admin.get(f"/v1/admin/runs/{run['id']}"))
        return run


def _json(response: httpx.Response) -> dict[str, Any]:
    response.raise_for_status()
    body: dict[str, Any] = response.json()
    return body
