import pytest

from tests.server.live import LiveServer, Person, chat_body


def test_feedback_is_readable_at_once(live: LiveServer, person: Person) -> None:
    completion = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        body = {"target": completion, "value": "down", "comment": "too long", "reason": "length"}
        made = client.post("/v1/feedback", json=body)
        assert made.status_code == 201
        feedback = made.json()
        assert client.get("/v1/feedback").json()["data"] == [feedback]
        assert client.get(f"/v1/feedback/{feedback['id']}").json() == feedback
    assert (feedback["value"], feedback["status"]) == (-1, "applied")
    assert feedback["comment"] == "too long"


def test_the_same_id_again_replaces_the_feedback(live: LiveServer, person: Person) -> None:
    completion = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        for value, status in (("up", 201), ("down", 200)):
            body = {"id": "mine", "target": completion, "value": value}
            assert client.post("/v1/feedback", json=body).status_code == status
        (row,) = client.get("/v1/feedback", params={"target": completion}).json()["data"]
    assert row["value"] == -1


def test_the_same_thumb_again_changes_nothing(live: LiveServer, person: Person) -> None:
    body = {"target": live.chat(person.key)["id"], "value": "up"}
    with live.client(person.key) as client, live.admin() as admin:
        first = client.post("/v1/feedback", json=body)
        again = client.post("/v1/feedback", json=body)
        assert (first.status_code, again.status_code) == (201, 200)
        assert client.get("/v1/feedback").json()["data"] == [first.json()] == [again.json()]
        adapter = admin.get(f"/v1/admin/adapters/{person.id}").json()
    assert adapter["new_feedback"] == 1


def test_the_same_thumb_by_a_message_id_changes_nothing(live: LiveServer, person: Person) -> None:
    with live.client(person.key, **{"X-Loralei-Message-Id": f"of {person.name}"}) as client:
        client.post("/v1/chat/completions", json=chat_body()).raise_for_status()
        body = {"target": f"of {person.name}", "value": "up"}
        first, again = (client.post("/v1/feedback", json=body) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()


def test_the_other_thumb_is_new(live: LiveServer, person: Person) -> None:
    target = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        for value in ("up", "down", "up"):
            body = {"target": target, "value": value}
            assert client.post("/v1/feedback", json=body).status_code == 201


def test_two_people_may_choose_the_same_id(live: LiveServer, person: Person) -> None:
    for each in (person, live.new_person()):
        completion = live.chat(each.key)["id"]
        with live.client(each.key) as client:
            body = {"id": "mine", "target": completion, "value": "up"}
            assert client.post("/v1/feedback", json=body).status_code == 201


@pytest.mark.parametrize("message_id", ["", "m" * 256])
def test_an_export_with_any_message_id_is_imported(
    live: LiveServer, person: Person, message_id: str
) -> None:
    with live.client(person.key) as client:
        header = {"x-loralei-message-id": message_id}
        client.post("/v1/chat/completions", json=chat_body(), headers=header).raise_for_status()
    rows = list(live.services.stores.log.export(person.id))
    assert live.services.stores.log.import_rows(live.new_person().id, rows) == 1


def test_two_people_may_have_the_same_message_id(live: LiveServer, person: Person) -> None:
    for each in (person, live.new_person()):
        with live.client(each.key) as client:
            header = {"x-loralei-message-id": "message-1"}
            said = client.post("/v1/chat/completions", json=chat_body(), headers=header).json()
            given = client.post("/v1/feedback", json={"target": "message-1", "value": "up"})
            assert given.status_code == 201
            assert given.json()["target"] == said["id"]


def test_a_correction_and_a_preference_are_stored(live: LiveServer, person: Person) -> None:
    winner, loser = (live.chat(person.key, temperature=1, seed=seed)["id"] for seed in (1, 2))
    with live.client(person.key) as client:
        correction = {"target": winner, "correction": "a better reply"}
        assert client.post("/v1/feedback", json=correction).status_code == 201
        preference = {"target": winner, "preferred_over": loser}
        assert client.post("/v1/feedback", json=preference).status_code == 201
        counts = client.get("/v1/me").json()["counts"]
    assert (counts["corrections"], counts["pairs"]) == (1, 1)


def test_feedback_that_comes_first_waits_for_its_completion(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client:
        body = {"target": "chatcmpl-later", "value": "up"}
        early = client.post("/v1/feedback", json=body)
        assert (early.status_code, early.json()["status"]) == (202, "pending")
        assert client.get("/v1/me").json()["counts"]["pending"] == 1


def test_deleted_feedback_is_gone(live: LiveServer, person: Person) -> None:
    completion = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        made = client.post("/v1/feedback", json={"target": completion, "value": "up"}).json()
        path = f"/v1/feedback/{made['id']}"
        assert client.delete(path).json()["deleted"] is True
        assert client.delete(path).status_code == 404


def test_feedback_is_paged(live: LiveServer, person: Person) -> None:
    completion = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        for number in range(3):
            body = {"id": f"f{number}", "target": completion, "value": "up"}
            client.post("/v1/feedback", json=body)
        first = client.get("/v1/feedback", params={"limit": 2}).json()
        rest = client.get("/v1/feedback", params={"after": first["last_id"]}).json()
    assert first["has_more"] and not rest["has_more"]
    assert [row["id"] for row in first["data"] + rest["data"]] == ["f0", "f1", "f2"]


def test_a_frontend_gives_feedback_for_the_user_that_it_names(
    live: LiveServer, frontend: Person
) -> None:
    completion = live.chat(frontend.key, user="ann")["id"]
    with live.client(frontend.key) as client:
        body = {"target": completion, "value": "up"}
        assert client.post("/v1/feedback", json=body).status_code == 400
        assert client.post("/v1/feedback", json=body | {"user": "bob"}).status_code == 404
        assert client.post("/v1/feedback", json=body | {"user": "ann"}).status_code == 201
        assert len(client.get("/v1/feedback", params={"user": "ann"}).json()["data"]) == 1


def test_a_frontends_user_may_give_feedback_before_the_first_reply_is_known(
    live: LiveServer, frontend: Person
) -> None:
    with live.client(frontend.key) as client:
        body = {"target": "chatcmpl-later-too", "value": "up", "user": "new"}
        assert client.post("/v1/feedback", json=body).status_code == 202


def test_a_comment_begins_the_probe_of_the_base_and_a_rating_does_not(
    live: LiveServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    probe = live.services.runtime.instruction_probe
    monkeypatch.setattr(probe, "begin", lambda: begun.append("begun"))
    target = live.chat(person.key, "hello")["id"]
    with live.client(person.key) as client:
        client.post("/v1/feedback", json={"target": target, "value": "up"}).raise_for_status()
        assert begun == []
        client.post("/v1/feedback", json={"target": target, "comment": "hm"}).raise_for_status()
    assert begun == ["begun"]
