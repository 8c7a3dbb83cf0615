"""A person over HTTP: asks, corrects or thumbs what the base says, and is retrained."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from server.cli_views import FINAL
from server.demo_server import Api
from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import Plan
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
    api: Api,
    questions: Sequence[tuple[Prompt, Arm]],
    *,
    max_tokens: int,
    is_stored: bool = False,
) -> list[Answer]:
    """Ask all of these greedily, as many at once as the server answers."""
    model = api.get("/v1/models")["data"][0]["id"]

    def answer(question: tuple[Prompt, Arm]) -> Answer:
        prompt, arm = question
        body = {
            "model": model,
            "messages": [{"role": "user", "content": prompt.text}],
            "temperature": 0,
            "max_tokens": max_tokens,
            "store": is_stored,
            "loralei": OPTIONS[arm],
        }
        said = api.post("/v1/chat/completions", body)
        [choice] = said["choices"]
        text = choice["message"]["content"] or ""
        return Answer(said["id"], Reply(prompt.id, text, choice["finish_reason"]))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(answer, questions))


class SimulatedUser:
    """One account that behaves as a persona does.

    What is judged is what the base alone says: every arm then knows the same judgements, and a
    persona whose replies comply early still has something to correct.
    """

    def __init__(
        self, admin: Api, url: str, name: str, persona: Persona, prompts: Sequence[Prompt]
    ) -> None:
        self.api = Api(url, admin.post("/v1/admin/users", {"name": name})["key"])
        self._admin = admin
        self._name = name
        self._persona = persona
        self._prompts = deque(prompts)
        self._judged = 0
        self._judged_at = time.monotonic()

    def judge(self, point: Point, plan: Plan) -> None:
        """Ask and judge up to this point, or until there are no more prompts."""
        until, judge = (
            (point.thumbs, self._thumb) if point.thumbs else (point.corrections, self._correct)
        )
        while self._judged < until and self._prompts:
            count = min(until - self._judged, len(self._prompts))
            questions = [(self._prompts.popleft(), Arm.BASE) for _ in range(count)]
            for answer in ask(self.api, questions, max_tokens=plan.taught_tokens, is_stored=True):
                judge(answer)

    def train(self) -> Run:
        """Ask for a training and wait for its end."""
        run = self._admin.post(f"/v1/admin/adapters/{self._name}/train", {})
        while run["status"] not in FINAL:
            time.sleep(POLL_SECONDS)
            run = self._admin.get(f"/v1/admin/runs/{run['id']}")
        seconds = time.monotonic() - self._judged_at
        return Run(run["status"], run["reason"], round(seconds, 1), self._judged)

    def _correct(self, answer: Answer) -> None:
        """Write over a reply, unless it is as it should be or cannot be made so."""
        text = answer.reply.text
        if not is_sound(text) or self._persona.complies(text):
            return
        if answer.reply.finish_reason == "length":
            text = whole_sentences(text)
        correction = self._persona.edit(text)
        if self._persona.complies(correction):
            self._post({"target": answer.id, "correction": correction})

    def _thumb(self, answer: Answer) -> None:
        complies = self._persona.complies(answer.reply.text)
        self._post({"target": answer.id, "value": "up" if complies else "down"})

    def _post(self, judgement: Mapping[str, Any]) -> None:
        self.api.post("/v1/feedback", dict(judgement))
        self._judged += 1
        self._judged_at = time.monotonic()
