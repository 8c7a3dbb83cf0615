"""The function for Open WebUI against a running server, with stand-ins for Open WebUI's modules.

`make test-openwebui` runs it in Open WebUI itself.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from server.cli.open_webui.recipe import FUNCTION
from tests.server.live import LiveServer, Person, chat_body

CHAT = "chat-1"


class OpenWebUi:
    """What the function asks Open WebUI for: ratings, chats, messages, people."""

    def __init__(self, live: LiveServer, frontend: Person, user: str) -> None:
        self.live, self.frontend, self.user = live, frontend, user
        self.ratings: dict[str, Any] = {}
        self.history: dict[str, Any] = {"question": {"id": "question", "childrenIds": []}}
        self.rows: list[Any] = []
        self.make_function = self._load()

    def say(self, message_id: str) -> str:
        """One reply of Loralei in the chat; returns the completion's id."""
        headers = {"x-loralei-chat-id": CHAT, "x-loralei-message-id": message_id}
        with self.live.client(self.frontend.key) as client:
            body = chat_body(user=self.user)
            answer = client.post("/v1/chat/completions", json=body, headers=headers).json()
        self.history["question"]["childrenIds"].append(message_id)
        self.history[message_id] = {"id": message_id, "parentId": "question"}
        return str(answer["id"])

    def rate(self, message_id: str, operation: str = "created", **data: Any) -> None:
        """Rate a reply there."""
        meta = {"message_id": message_id, "chat_id": CHAT}
        self.ratings["r1"] = SimpleNamespace(id="r1", user_id=self.user, meta=meta, data=data)
        self.happens(f"feedback.{operation}", "r1")

    def edit(self, message_id: str, content: str) -> None:
        """Edit a reply there."""
        row = {"id": f"{CHAT}-{message_id}", "role": "assistant", "done": True}
        at = {"updated_at": int(time.time()), "user_id": self.user}
        self.rows = [SimpleNamespace(**row, **at, content=content)]
        self.happens("chat.updated", CHAT)

    def happens(self, name: str, subject: str, by: str | None = None, **data: Any) -> None:
        """Let an event happen."""
        event = {
            "event": name,
            "created_at": int(time.time()),
            "actor": {"id": by or self.user},
            "subject": {"type": name.partition(".")[0], "id": subject},
            "data": data,
        }

        async def run() -> None:
            function = self.make_function()
            await function.event(event)
            await function._client.aclose()

        asyncio.run(run())

    def feedback(self) -> list[dict[str, Any]]:
        """What Loralei has."""
        with self.live.client(self.frontend.key) as client:
            found = client.get("/v1/feedback", params={"user": self.user})
        data: list[dict[str, Any]] = found.raise_for_status().json()["data"]
        return data

    def _load(self) -> Any:
        scope: dict[str, Any] = {"__name__": "the_function"}
        exec(compile(FUNCTION.read_text(encoding="utf-8"), FUNCTION, "exec"), scope)
        url, key = f"{self.live.url}/v1", self.frontend.key

        def make() -> Any:
            function = scope["Event"]()
            function.valves = scope["Event"].Valves(base_url=url, frontend_key=key)
            return function

        return make


@pytest.fixture
def webui(
    live: LiveServer, frontend: Person, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenWebUi]:
    made: list[OpenWebUi] = []

    async def rating(id: str) -> Any:
        return made[0].ratings.get(id)

    async def chat(id: str) -> Any:
        return SimpleNamespace(
            id=CHAT, user_id="ann", chat={"history": {"messages": made[0].history}}
        )

    async def messages(chat_id: str) -> Any:
        return made[0].rows

    async def user(id: str) -> Any:
        return SimpleNamespace(id=id)

    async def users() -> Any:
        return {"users": [SimpleNamespace(id="admin"), SimpleNamespace(id="ann")]}

    def headers(given: dict[str, str], user: Any) -> dict[str, str]:
        return given | {"X-OpenWebUI-User-Id": user.id}

    modules: dict[str, dict[str, Any]] = {
        "models.feedbacks": {"Feedbacks": SimpleNamespace(get_feedback_by_id=rating)},
        "models.chats": {"Chats": SimpleNamespace(get_chat_by_id=chat)},
        "models.chat_messages": {"ChatMessages": SimpleNamespace(get_messages_by_chat_id=messages)},
        "models.users": {"Users": SimpleNamespace(get_user_by_id=user, get_users=users)},
        "utils.headers": {"include_user_info_headers": headers},
    }
    for name in ("open_webui", "open_webui.models", "open_webui.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name, content in modules.items():
        module = ModuleType(f"open_webui.{name}")
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, f"open_webui.{name}", module)
    rules = live.services.identity_rules
    monkeypatch.setattr(live.services, "identity_rules", type(rules)(trust_headers=True))
    made.append(OpenWebUi(live, frontend, "ann"))
    yield made[0]


def test_a_rating_arrives_with_reason_comment_and_score(webui: OpenWebUi) -> None:
    said = webui.say("m1")
    details = {"rating": 2}
    webui.rate("m1", rating=-1, reason="too_verbose", comment=" shorter ", details=details)
    (item,) = webui.feedback()
    assert (item["id"], item["target"], item["value"]) == ("openwebui-r1", said, -1)
    assert (item["reason"], item["comment"]) == ("too_verbose", "shorter")
    assert item["metadata"] == {"score": "2"}


def test_the_other_thumb_leaves_nothing_of_the_first(webui: OpenWebUi) -> None:
    webui.say("m1")
    details = {"rating": 9}
    webui.rate("m1", rating=1, reason="attention_to_detail", comment="good", details=details)
    webui.rate("m1", "updated", rating=-1, reason=None, comment="good", details=None)
    (item,) = webui.feedback()
    assert (item["value"], item["comment"], item["reason"]) == (-1, None, None)
    assert item["metadata"] == {}


def test_a_liked_reply_is_preferred_over_the_one_before_it(webui: OpenWebUi) -> None:
    first, second = webui.say("m1"), webui.say("m2")
    webui.rate("m2", rating=1)
    (item,) = webui.feedback()
    assert (item["target"], item["preferred_over"]) == (second, first)


def test_a_thumb_arrives_also_if_another_model_wrote_the_other_reply(webui: OpenWebUi) -> None:
    webui.history["question"]["childrenIds"].append("of-another-model")
    webui.history["of-another-model"] = {"id": "of-another-model", "parentId": "question"}
    webui.say("m1")
    webui.rate("m1", rating=1)
    (item,) = webui.feedback()
    assert (item["value"], item["preferred_over"]) == (1, None)


def test_a_rating_of_another_model_is_not_sent(webui: OpenWebUi) -> None:
    webui.say("m1")
    webui.rate("of-another-model", rating=1)
    assert webui.feedback() == []


def test_an_edit_arrives_once_and_goes_when_it_is_undone(webui: OpenWebUi) -> None:
    completion_id = webui.say("m1")
    for _ in range(2):
        webui.edit("m1", '<details type="reasoning">Hm</details>\nas it should be')
    (item,) = webui.feedback()
    assert (item["target"], item["correction"]) == (completion_id, "as it should be")
    user = webui.live.services.accounts.known_user(
        webui.live.services.accounts.find(webui.frontend.id), "ann"
    )
    webui.edit("m1", webui.live.services.stores.log.interaction(user.id, completion_id).reply)
    assert webui.feedback() == []


def test_a_rating_that_an_admin_deletes_is_deleted(webui: OpenWebUi) -> None:
    webui.say("m1")
    webui.rate("m1", rating=1)
    webui.happens("feedback.deleted", "r1", by="admin")
    assert webui.feedback() == []


def test_deleting_all_ratings_leaves_edits(webui: OpenWebUi) -> None:
    webui.say("m1")
    webui.rate("m1", rating=1)
    webui.edit("m1", "as it should be")
    webui.happens("feedback.deleted_all", "all", by="admin")
    assert [item["correction"] for item in webui.feedback()] == ["as it should be"]


def test_a_deleted_message_is_deleted(webui: OpenWebUi) -> None:
    webui.say("m1")
    webui.say("m2")
    webui.rate("m2", rating=1)
    del webui.history["m2"]
    webui.happens("message.deleted", "m2", chat_id=CHAT)
    assert webui.feedback() == []


@pytest.mark.parametrize(
    ("event", "subject"), [("chat.deleted", CHAT), ("chat.deleted_all", "ann")]
)
def test_deleted_chats_are_deleted(webui: OpenWebUi, event: str, subject: str) -> None:
    said = webui.say("m1")
    webui.happens(event, subject, owner_id="ann")
    with webui.live.client(webui.frontend.key) as client:
        path = f"/v1/chat/completions/{said}"
        assert client.get(path, params={"user": "ann"}).status_code == 404


def test_what_does_not_arrive_is_one_line_in_the_log(
    webui: OpenWebUi, caplog: pytest.LogCaptureFixture
) -> None:
    webui.frontend = Person("", "", "lk-wrong")
    webui.make_function = webui._load()
    with caplog.at_level("ERROR", logger="the_function"):
        webui.rate("m1", rating=1)
    (line,) = [each.getMessage() for each in caplog.records if each.name == "the_function"]
    assert "feedback.created" in line and "401" in line


def test_other_events_do_nothing(webui: OpenWebUi, caplog: pytest.LogCaptureFixture) -> None:
    webui.happens("chat.created", CHAT)
    assert caplog.records == []
