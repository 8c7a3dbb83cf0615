"""Every route, with every id that belongs to another user."""

from dataclasses import dataclass

import pytest

from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus, rule_id
from server.app import create_app
from server.wire.reply_ids import response_id
from tests.server.live import LiveServer, Person, chat_body

CHAT = "chat-of-the-owner"
OPEN_ROUTES = {"/health", "/ready", "/metrics"}
RULE = Rule("case", "lower")
METHODS = ("get", "post", "put", "patch", "delete")


def operations(live: LiveServer) -> list[tuple[str, str]]:
    """Every documented method and path."""
    paths = create_app(live.services).openapi()["paths"]
    return [(m.upper(), path) for path, item in paths.items() for m in item if m in METHODS]


@dataclass(frozen=True)
class Owned:
    """A person's data."""

    person: Person
    completion_id: str
    feedback_id: str
    run_id: str
    chat_id: str

    def fill(self, path: str) -> str:
        """Put the ids into a route's path."""
        values = {
            "completion_id": self.completion_id,
            "response_id": response_id(self.completion_id),
            "feedback_id": self.feedback_id,
            "score_id": self.feedback_id,
            "run_id": self.run_id,
            "chat_id": self.chat_id,
            "user": self.person.id,
            "rule_id": rule_id(RULE),
            "document_id": "document-of-all",
            "number": "1",
            "model": "tiny",
        }
        return path.format(**values)


@pytest.fixture
def owned(live: LiveServer, person: Person) -> Owned:
    """A person's completion, feedback, training run and decision on a rule."""
    with live.client(person.key, **{"x-loralei-chat-id": CHAT}) as client:
        said = client.post("/v1/chat/completions", json=chat_body(store=True))
        completion = said.json()["id"]
        feedback = client.post("/v1/feedback", json={"target": completion, "value": "up"}).json()
    run = live.services.stores.runs.create(
        person.id, trigger="request", requested_by="test", at=1.0
    )
    live.services.stores.runs.request_cancel(run.id, 2.0)
    pinned = RuleDecision(person.id, RULE, RuleStatus.PINNED, 1.0)
    live.services.stores.log.decide(pinned)
    [chat], _ = live.services.stores.log.chats(person.id)
    live.services.stores.log.rename_chat(person.id, chat.id, "mine")
    return Owned(person, completion, feedback["id"], run.id, chat.id)


def snapshot(live: LiveServer, owner: Person) -> dict[str, object]:
    """Everything that is stored of a person, except when they were last seen."""
    stores = live.services.stores
    return {
        "rows": list(stores.log.export(owner.id)),
        "runs": stores.runs.runs(owner.id),
        "versions": stores.registry.versions(owner.id),
        "choices": stores.log.choices(owner.id),
        "account": live.services.accounts.find(owner.id).name,
    }


def test_no_route_answers_without_a_key(live: LiveServer, owned: Owned) -> None:
    with live.client() as nobody:
        for method, path in operations(live):
            status = nobody.request(method, owned.fill(path), json={}).status_code
            assert status == (200 if path in OPEN_ROUTES else 401), (method, path)


def test_an_admin_route_answers_admins_only(live: LiveServer, owned: Owned) -> None:
    admin_routes = [(m, p) for m, p in operations(live) if p.startswith("/v1/admin")]
    assert len(admin_routes) > 15
    with live.client(live.new_person().key) as other:
        for method, path in admin_routes:
            assert other.request(method, owned.fill(path), json={}).status_code == 403, path


@pytest.mark.parametrize("kind", ["user", "frontend"])
def test_another_users_ids_are_unknown_on_every_route(
    live: LiveServer, owned: Owned, kind: str
) -> None:
    before = snapshot(live, owned.person)
    stranger = live.new_person(kind)
    with live.client(stranger.key) as other:
        if kind == "frontend":  # a user of its own that has the name of the owner
            live.chat(stranger.key, user=owned.person.id)
            other.params = {"user": owned.person.id}
        body: dict[str, object] = {
            "metadata": {},
            "target": owned.completion_id,
            "value": "down",
            "status": "dropped",
        }
        body |= {"message_ids": [], "title": "theirs", "shares": True}
        for method, path in operations(live):
            if "_id}" in path and not path.startswith("/v1/admin"):
                status = other.request(method, owned.fill(path), json=body).status_code
                assert status == 404, (method, path)
        feedback = body | ({"user": owned.person.id} if kind == "frontend" else {})
        assert other.post("/v1/feedback", json=feedback).status_code == 404
        assert other.get("/v1/feedback").json()["data"] == []
        assert other.get("/v1/chat/completions").json()["data"] == []
        chats = other.get("/v1/chats").json()["data"]
        assert owned.chat_id not in [chat["id"] for chat in chats]
    assert snapshot(live, owned.person) == before


def test_a_foreign_id_is_answered_as_an_unknown_one(live: LiveServer, owned: Owned) -> None:
    with live.client(live.new_person().key) as other:
        foreign = other.get(f"/v1/chat/completions/{owned.completion_id}").json()["error"]
        unknown = other.get("/v1/chat/completions/chatcmpl-unknown").json()["error"]
    assert foreign["message"].replace(owned.completion_id, "chatcmpl-unknown") == unknown["message"]
    assert (foreign["code"], foreign["param"]) == (unknown["code"], unknown["param"])


def test_identity_in_headers_and_body_of_a_user_key_is_ignored(
    live: LiveServer, owned: Owned
) -> None:
    stranger = live.new_person()
    headers = {"X-Loralei-User-Id": owned.person.id, "X-OpenWebUI-User-Id": owned.person.name}
    with live.client(stranger.key, **headers) as other:
        assert other.get("/v1/me").json()["user"]["id"] == stranger.id
        path = f"/v1/chat/completions/{owned.completion_id}"
        assert other.get(path, params={"user": owned.person.id}).status_code == 404
    reply = live.chat(stranger.key, user=owned.person.id, safety_identifier=owned.person.id)
    assert live.services.stores.log.interaction(stranger.id, reply["id"]).user_id == stranger.id
