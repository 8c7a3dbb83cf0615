import io
import json
import zipfile
from pathlib import Path

from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import import_version, put_version_to_use
from tests.server.test_bad_input import assert_refused

SECRET = "the-word-nobody-else-says"
NOTHING = {
    "examples": 0,
    "feedback": 0,
    "corrections": 0,
    "rules": [],
    "teacher": None,
    "samples": [],
}


def test_a_new_user_has_the_base_and_nothing_learned(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        me = client.get("/v1/me").json()
    assert me["user"] == {"id": person.id, "name": person.name}
    assert (me["adapter"], me["training"], me["frozen"], me["is_admin"]) == (
        "base",
        None,
        False,
        False,
    )
    assert me["learned"] == NOTHING


def test_the_next_training_counts_what_is_new_and_what_is_needed(
    live: LiveServer, person: Person
) -> None:
    completion = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        client.post("/v1/feedback", json={"target": completion, "correction": "better"})
        me = client.get("/v1/me").json()
    told = me["next_training"]
    assert (told["new_feedback"], told["needed"], told["due"]) == (1, 5, False)
    assert told["automatic"] is False  # this server has no interval
    assert "training starts at 5" in told["reason"]
    assert me["changed_at"] is not None


def test_my_versions_are_listed_newest_first_without_withdrawn_ones(
    live: LiveServer, person: Person
) -> None:
    for seed in range(3):
        import_version(live, person, seed)
    with live.admin() as admin:
        admin.delete(f"/v1/admin/adapters/{person.id}/versions/2").raise_for_status()
    with live.client(person.key) as client:
        listed = client.get("/v1/me").json()["versions"]
    assert [each["version"] for each in listed] == ["v3", "v1"]


def test_learned_feedback_is_told_apart_from_later_feedback(
    live: LiveServer, person: Person
) -> None:
    corrected, liked, later = (live.chat(person.key, text)["id"] for text in ("a", "b", "c"))
    with live.client(person.key) as client:
        for body in ({"target": corrected, "correction": "better"}, {"target": liked, "value": 1}):
            client.post("/v1/feedback", json=body).raise_for_status()
        assert client.get("/v1/me").json()["learned"]["feedback"] == 0
        examples = put_version_to_use(live, person)
        client.post("/v1/feedback", json={"target": later, "correction": "too late"})
        me = client.get("/v1/me").json()
    assert me["learned"] == NOTHING | {"examples": examples, "feedback": 2, "corrections": 1}
    assert me["counts"]["feedback"] == 3


def test_an_export_holds_everything(live: LiveServer, person: Person) -> None:
    completion = live.chat(person.key, SECRET)["id"]
    import_version(live, person)
    with live.admin() as admin:
        admin.post(f"/v1/admin/adapters/{person.id}/promote", json={"version": 1})
    with live.client(person.key) as client:
        client.post("/v1/feedback", json={"target": completion, "value": "up"})
        response = client.get("/v1/me/export")
    assert 'filename="loralei-' in response.headers["content-disposition"]
    bundle = zipfile.ZipFile(io.BytesIO(response.content))
    rows = [json.loads(line) for line in bundle.read("feedback.jsonl").splitlines()]
    assert [row["type"] for row in rows] == ["interaction", "feedback"]
    assert SECRET in json.dumps(rows)
    assert json.loads(bundle.read("account.json"))["name"] == person.name
    assert "adapter-v1/adapter_model.safetensors" in bundle.namelist()
    assert json.loads(bundle.read("promotions.jsonl"))["to"] == "v1"


def test_erasing_me_ends_my_account(live: LiveServer, person: Person) -> None:
    live.chat(person.key)
    import_version(live, person)
    folder = live.services.stores.registry.version(person.id, 1).folder
    with live.client(person.key) as client:
        assert client.delete("/v1/me").status_code == 200
        assert_refused(client.get("/v1/me"), 401)
    assert not (live.services.settings.data_dir / "adapters" / folder).exists()


def test_erasing_myself_leaves_no_byte_behind(tiny_model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(tiny_model, data, threads=1) as server:
        person = server.new_person()
        completion = server.chat(person.key, SECRET)["id"]
        with server.client(person.key) as client:
            body = {"target": completion, "correction": f"better {SECRET}", "comment": SECRET}
            assert client.post("/v1/feedback", json=body).status_code == 201
            assert found(data, SECRET)
            client.delete("/v1/me")
        assert not found(data, SECRET)
        assert not found(data, person.name)
    assert not found(data, SECRET)


def test_an_admin_who_erases_their_data_can_still_administer(
    tiny_model: Path, tmp_path: Path
) -> None:
    with running(tiny_model, tmp_path / "data", threads=1) as server, server.admin() as admin:
        server.chat(server.admin_key)
        assert admin.delete("/v1/me").json()["erased"] == 1
        assert admin.get("/v1/me").json()["counts"]["interactions"] == 0


def found(folder: Path, text: str) -> list[str]:
    """The files that hold a text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if text.encode() in path.read_bytes()]
