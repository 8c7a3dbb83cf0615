"""A user over HTTP: asks, corrects or rates the base's replies, and is retrained."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from server.client import FINAL, Client
from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.results import Arm, Point, Reply, Run
from tests.benchmarks.learning.texts import is_sound, whole_sentences

AT_ONCE = 16  # the server's largest batch
POLL_SECONDS = 0.5
OPTIONS: Mapping[Arm, Mapping[str, Any]] = {
    Arm.BASE: {"adapter": "base", "memory": False},
    Arm.MEMORY: {"adapter": "base"},
    Arm.WEIGHTS: {"memory": False},
    Arm.BOTH: {},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, and its id in feedback."""

    id: str
    reply: Reply


def ask(
    api: Client,
    questions: Sequence[tuple[Prompt, Arm]],
    *,
    max_tokens: int,
    is_stored: bool = False,
) -> list[Answer]:
    """Ask all of these greedily, as many at once as the server's batch holds."""
    model = served_model(api)

    def answer(question: tuple[Prompt, Arm]) -> Answer:
        prompt, arm = question
        return ask_one(api, model, prompt, arm, max_tokens=max_tokens, is_stored=is_stored)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(answer, questions))


def served_model(api: Client) -> str:
    """The base model's name in requests."""
    return str(api.get("/v1/models")["data"][0]["id"])


def ask_one(
    api: Client,
    model: str,
    prompt: Prompt,
    arm: Arm,
    *,
    max_tokens: int,
    is_stored: bool = False,
    temperature: float = 0,
    seed: int | None = None,
) -> Answer:
    """Ask one question."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt.text}],
        "temperature": temperature,
        "seed": seed,
        "max_tokens": max_tokens,
        "store": is_stored,
        "loralei": OPTIONS[arm],
    }
    said = api.post("/v1/chat/completions", body)
    [choice] = said["choices"]
    text = choice["message"]["content"] or ""
    return Answer(said["id"], Reply(prompt.id, text, choice["finish_reason"]))


def new_account(admin: Client, url: str, name: str) -> Client:
    """Make a user, and return a client with the user's key. Close it at the end."""
    return Client(url, admin.add_user(name))


def train(admin: Client, name: str, num_feedback: int) -> Run:
    """Train a user who gave so many items of feedback, and wait for the end."""
    admin.train(name)
    return await_run(admin, name, num_feedback)


def await_run(admin: Client, name: str, num_feedback: int) -> Run:
    """Wait until a user's newest run has ended; there may be none yet."""
    while True:
        runs = admin.get(f"/v1/admin/runs?user={name}&limit=1")["data"]
        if runs and runs[0]["status"] in FINAL:
            break
        time.sleep(POLL_SECONDS)
    [run] = runs
    seconds = round(run["finished_at"] - run["started_at"], 1)
    return Run(run["status"], run["reason"], seconds, num_feedback, run["report"])


def correction_of(persona: Persona, reply: Reply) -> str | None:
    """The persona's correction of a reply; None if it complies already, or cannot be made to."""
    text = reply.text
    if not is_sound(text) or persona.complies(text):
        return None
    correction = persona.edit(finished_part(reply))
    return correction if persona.complies(correction) else None


def finished_part(reply: Reply) -> str:
    """The reply without a truncated last sentence."""
    return whole_sentences(reply.text) if reply.finish_reason == "length" else reply.text


class SimulatedUser:
    """One account, or a part of one, that behaves as a persona does.

    Feedback is always on the base's own replies. So every arm has the same feedback, and a persona
    whose adapter complies early still has something to correct.
    """

    def __init__(self, api: Client, persona: Persona, prompts: Sequence[Prompt]) -> None:
        self.api = api
        self.num_feedback = 0
        self._persona = persona
        self._prompts = deque(prompts)

    @property
    def left(self) -> list[Prompt]:
        """The prompts that were not asked yet."""
        return list(self._prompts)

    def give_feedback(self, point: Point, max_tokens: int) -> None:
        """Ask and give feedback up to this point, or until there are no more prompts.

        `max_tokens` is the length of a reply.
        """
        until, respond = (
            (point.ratings, self._rate) if point.ratings else (point.corrections, self._correct)
        )
        while self.num_feedback < until and self._prompts:
            count = min(until - self.num_feedback, len(self._prompts))
            questions = [(self._prompts.popleft(), Arm.BASE) for _ in range(count)]
            for answer in ask(self.api, questions, max_tokens=max_tokens, is_stored=True):
                respond(answer)

    def _correct(self, answer: Answer) -> None:
        correction = correction_of(self._persona, answer.reply)
        if correction is not None:
            self._post({"target": answer.id, "correction": correction})

    def _rate(self, answer: Answer) -> None:
        complies = self._persona.complies(answer.reply.text)
        self._post({"target": answer.id, "value": "up" if complies else "down"})

    def _post(self, feedback: Mapping[str, Any]) -> None:
        self.api.post("/v1/feedback", dict(feedback))
        self.num_feedback += 1
