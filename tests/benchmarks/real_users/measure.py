"""Lets hand-written users give feedback over HTTP, and asks their unseen prompts."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from rich.progress import Progress

from server.client import Client
from tests.benchmarks.learning.results import Arm, Run
from tests.benchmarks.learning.simulated_user import (
    AT_ONCE,
    OPTIONS,
    await_run,
    new_account,
    served_model,
    train,
)
from tests.benchmarks.real_users.results import Key, Measured, Results, Situation
from tests.benchmarks.real_users.user import Lesson, RealUser

TOKENS = 160
SYSTEM = "You are the assistant of a small team. Be friendly and correct."
EARLIER = (
    ("user", "Good morning! Is it true that honey never goes bad?"),
    (
        "assistant",
        "Good morning! Yes. Honey has little water and much sugar, so bacteria cannot grow in it."
        " If it is kept closed, it stays good for many years.",
    ),
    ("user", "And what is the largest desert in the world?"),
    (
        "assistant",
        "The largest desert in the world is the Antarctic desert. The largest hot desert is the"
        " Sahara in North Africa.",
    ),
)
"""Two exchanges of the base's kind, which nobody gave feedback on."""


class Measuring:
    """Measures users at points, on a server without other users. Finished ones are skipped.

    Close it at the end.
    """

    def __init__(
        self,
        url: str,
        admin_key: str,
        results: Results,
        bar: Progress,
        *,
        points: Sequence[int],
        trains: bool,
        situations: Sequence[Situation] = tuple(Situation),
    ) -> None:
        self._url = url
        self._admin = Client(url, admin_key)
        self._model = served_model(self._admin)
        self._results = results
        self._bar = bar
        self._points = points
        self._situations = situations
        self._arms = (Arm.MEMORY, Arm.WEIGHTS, Arm.BOTH) if trains else (Arm.MEMORY,)

    def run(self, users: Sequence[RealUser]) -> None:
        """Do all of it."""
        task = self._bar.add_task("", total=len(users) * len(self._points))
        for user in users:
            self._ask_missing(self._admin, user, 0, (Arm.BASE,), None)
            for point in self._points:
                self._bar.update(task, description=f"{user.name}, {point} lessons")
                self._measure(user, point)
                self._bar.advance(task)

    def close(self) -> None:
        """Close its connections."""
        self._admin.close()

    def _measure(self, user: RealUser, point: int) -> None:
        """One point: with an account of its own, so that the points do not depend on others."""
        if not self._missing(user, point, self._arms):
            return
        name = _account(user, point)
        with closing(new_account(self._admin, self._url, name)) as api:
            for lesson in user.lessons[:point]:
                self._give_feedback(api, lesson)
            self._ask_missing(api, user, point, (Arm.MEMORY,), None)
            if Arm.BOTH in self._arms:
                run = train(self._admin, name, point)
                self._ask_missing(api, user, point, (Arm.WEIGHTS, Arm.BOTH), run)

    def evening(self, user: RealUser, point: int) -> str:
        """Let a user give feedback, measure memory, and return the user's key. Nobody trains."""
        self._ask_missing(self._admin, user, 0, (Arm.BASE,), None)
        made = self._admin.post("/v1/admin/users", {"name": _account(user, point)})
        with closing(Client(self._url, made["key"])) as api:
            for lesson in user.lessons[:point]:
                self._give_feedback(api, lesson)
            self._ask_missing(api, user, point, (Arm.MEMORY,), None)
        return str(made["key"])

    def morning(self, user: RealUser, point: int, key: str) -> None:
        """Wait for the night's run of a user, and measure what came of it."""
        run = await_run(self._admin, _account(user, point), point)
        with closing(Client(self._url, key)) as api:
            self._ask_missing(api, user, point, (Arm.WEIGHTS, Arm.BOTH), run)

    def _give_feedback(self, api: Client, lesson: Lesson) -> None:
        said = self._ask(api, [("user", lesson.prompt)], Arm.BASE, is_stored=True)
        feedback = {"target": said["id"]}
        if lesson.wanted is not None:
            feedback["correction"] = lesson.wanted
        else:
            feedback |= {"value": "down", "comment": lesson.comment or ""}
        api.post("/v1/feedback", feedback)

    def missing(self, user: RealUser, point: int) -> bool:
        """Whether anything of a user at a point was not measured yet."""
        return bool(self._missing(user, point, self._arms))

    def _missing(self, user: RealUser, point: int, arms: Sequence[Arm]) -> list[Key]:
        keys = [Key(user.name, point, arm, each) for arm in arms for each in self._situations]
        return [key for key in keys if key not in self._results]

    def _ask_missing(
        self, api: Client, user: RealUser, point: int, arms: Sequence[Arm], run: Run | None
    ) -> None:
        for key in self._missing(user, point, arms):
            questions = user.plain if key.situation.is_plain else user.unseen
            chats = [_chat(question.prompt, key.situation) for question in questions]

            def answer(chat: Sequence[tuple[str, str]], arm: Arm = key.arm) -> Any:
                return self._ask(api, chat, arm, is_stored=False)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                said = list(pool.map(answer, chats))
            replies = tuple(each["choices"][0]["message"]["content"] or "" for each in said)
            tokens = sum(each["loralei"]["memory"]["tokens"] for each in said) / len(said)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._results.append([Measured(key, replies, tokens, run, now)])

    def _ask(
        self, api: Client, chat: Sequence[tuple[str, str]], arm: Arm, *, is_stored: bool
    ) -> dict[str, Any]:
        body = {
            "model": self._model,
            "messages": [{"role": role, "content": content} for role, content in chat],
            "temperature": 0,
            "max_tokens": TOKENS,
            "store": is_stored,
            "loralei": OPTIONS[arm],
        }
        return api.post("/v1/chat/completions", body)


def _account(user: RealUser, point: int) -> str:
    return f"{user.name}-{point}"


def _chat(prompt: str, situation: Situation) -> list[tuple[str, str]]:
    before = {
        Situation.THIRD: EARLIER,
        Situation.PLAIN_THIRD: EARLIER,
        Situation.SYSTEM: (("system", SYSTEM),),
    }
    return [*before.get(situation, ()), ("user", prompt)]
