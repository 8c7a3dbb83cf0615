"""What admins see of one version: what it was taught, and its replies beside others'."""

import shutil
from dataclasses import replace

import pytest

from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus
from scheduler.version_report import VersionReport
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version, put_version_to_use
from tests.server.test_bad_input import assert_refused


def corrected(live: LiveServer, person: Person) -> None:
    """Two replies that the person wrote anew."""
    with live.client(person.key) as client:
        for number in range(2):
            target = live.chat(person.key, f"What is number {number}?")["id"]
            body = {"target": target, "correction": f"it is number {number} and no other."}
            client.post("/v1/feedback", json=body).raise_for_status()


def child_of(live: LiveServer, person: Person, number: int) -> int:
    """Register a copy of a version that came after it; return its number."""
    stores = live.services.stores
    parent = stores.registry.version(person.id, number)
    staged = stores.files.stage()
    shutil.copytree(stores.files.open(parent), staged, dirs_exist_ok=True)
    folder = stores.files.publish(staged, user_id=person.id).folder
    new = stores.registry.next_number(person.id)
    stores.registry.register(replace(parent, number=new, parent=number, folder=folder))
    return new


def test_a_version_names_the_examples_and_rules_that_it_was_taught(
    live: LiveServer, person: Person
) -> None:
    corrected(live, person)
    rule = Rule("case", "lower")
    live.services.stores.log.decide(RuleDecision(person.id, rule, RuleStatus.PINNED, 1.0))
    put_version_to_use(live, person, VersionReport(rules=(rule,)).to_json())
    with live.admin() as admin:
        taught = admin.get(f"/v1/admin/adapters/{person.id}/versions/2/taught").json()
    replies = {each["reply"] for each in taught["examples"]}
    assert replies == {f"it is number {number} and no other." for number in range(2)}
    assert taught["other_examples"] == 0
    (found,) = taught["rules"]
    (known,) = [each for each in live.services.rules.of(person.id) if each.rule == rule]
    assert (found["sentence"], found["support"]) == (rule.sentence, known.support)
    assert known.support > 0


def test_the_lineage_ends_at_a_deleted_ancestor(live: LiveServer, person: Person) -> None:
    import_version(live, person)
    second = child_of(live, person, 1)
    third = child_of(live, person, second)
    live.services.stores.registry.delete(person.id, 1, 1.0)
    with live.admin() as admin:
        taught = admin.get(f"/v1/admin/adapters/{person.id}/versions/{third}/taught").json()
    assert [(each["label"], each["is_deleted"]) for each in taught["lineage"]] == [
        ("v3", False),
        ("v2", False),
        ("v1", True),
    ]


def test_base_memory_parent_and_version_answer_side_by_side(
    live: LiveServer, person: Person
) -> None:
    corrected(live, person)
    import_version(live, person)
    child_of(live, person, 1)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions/2/compare"
        answer = admin.post(path, json={"prompt": "What is number 0?"})
    assert answer.status_code == 200, answer.text
    replies = {each["by"]: each["content"] for each in answer.json()["replies"]}
    assert list(replies) == ["base", "memory", "v1", "v2"]
    assert replies["v1"] == replies["v2"] != replies["base"]


def test_a_comparison_stores_nothing(live: LiveServer, person: Person) -> None:
    import_version(live, person)
    log, admins = live.services.stores.log, live.services.accounts.first_admin()
    before = [log.storage_use(each) for each in (person.id, admins.id)]
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions/1/compare"
        admin.post(path, json={"prompt": "a secret"}).raise_for_status()
    assert [log.storage_use(each) for each in (person.id, admins.id)] == before


@pytest.mark.parametrize("prompt", ["", "x" * 4001, "x " * 1999])
def test_a_prompt_that_is_empty_or_too_long_for_the_context_is_refused(
    live: LiveServer, person: Person, prompt: str
) -> None:
    import_version(live, person)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions/1/compare"
        assert_refused(admin.post(path, json={"prompt": prompt}), 400, "prompt")


def test_a_withdrawn_version_is_not_asked(live: LiveServer, person: Person) -> None:
    corrected(live, person)
    put_version_to_use(live, person)
    learned = live.services.stores.registry.version(person.id, 2).example_ids
    live.services.stores.registry.withdraw(person.id, learned, 1.0)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions/2/compare"
        assert admin.post(path, json={"prompt": "hello"}).status_code == 410


def test_a_version_that_is_not_there_was_taught_nothing(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions/1"
        assert admin.get(f"{path}/taught").status_code == 404
        assert admin.post(f"{path}/compare", json={"prompt": "hello"}).status_code == 404
