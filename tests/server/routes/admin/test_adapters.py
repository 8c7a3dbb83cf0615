import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import gguf
import httpx
import pytest
import torch
from safetensors.torch import save

from tests.adapters import random_adapter
from tests.server.live import LiveServer, Person, chat_body
from tests.server.peft_folder import config, import_version, random_weights
from tests.server.sse import chunks
from tests.server.test_bad_input import assert_refused


def import_adapter(
    live: LiveServer,
    person: Person,
    query: str = "",
    *,
    weights: bytes | None = None,
    **changes: Any,
) -> httpx.Response:
    """Import random weights that fit, or these, with changes to a configuration that fits."""
    body = random_weights(live, seed=1) if weights is None else weights
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions{query}"
        return admin.post(path, content=body, headers=config(live, **changes))


def text(live: LiveServer, person: Person, **body: object) -> str:
    reply = live.chat(person.key, "the same question", max_tokens=24, **body)
    return str(reply["choices"][0]["message"]["content"])


def test_an_imported_version_is_stored_and_not_used(live: LiveServer, person: Person) -> None:
    before = text(live, person)
    version = import_version(live, person)
    assert (version["label"], version["active"]) == ("v1", False)
    assert version["created_by"] == "admin"
    assert text(live, person) == before


def test_a_promoted_version_answers_its_user_and_nobody_else(
    live: LiveServer, person: Person
) -> None:
    other = live.new_person()
    before = text(live, person)
    import_version(live, person)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.name}/promote"
        move = admin.post(path, json={"version": 1})
    assert move.status_code == 200
    assert (move.json()["from"], move.json()["to"]) == ("base", "v1")
    assert text(live, person) != before
    assert text(live, other) == before


def test_a_reply_says_which_version_wrote_it(live: LiveServer, person: Person) -> None:
    import_version(live, person)
    with live.admin() as admin:
        admin.post(f"/v1/admin/adapters/{person.id}/promote", json={"version": "v1"})
    with live.client(person.key) as client:
        whole = client.post("/v1/chat/completions", json=chat_body())
        streamed = client.post("/v1/chat/completions", json=chat_body(stream=True))
    assert whole.json()["loralei"]["adapter"] == "v1"
    assert whole.headers["x-loralei-adapter"] == streamed.headers["x-loralei-adapter"] == "v1"
    first = chunks(streamed)[0]
    assert first["loralei"]["adapter"] == "v1"
    assert live.services.stores.log.interaction(person.id, first["id"]).adapter == "v1"


def test_a_request_may_ask_for_another_version_to_compare(live: LiveServer, person: Person) -> None:
    base = text(live, person)
    import_version(live, person)
    changed = text(live, person, loralei={"adapter": "v1"})
    assert changed != base
    with live.admin() as admin:
        admin.post(f"/v1/admin/adapters/{person.id}/promote", json={"version": 1})
    assert text(live, person) == changed
    assert text(live, person, loralei={"adapter": "base"}) == base


def test_a_background_request_is_answered_by_the_base(live: LiveServer, person: Person) -> None:
    import_version(live, person)
    with live.admin() as admin:
        admin.post(f"/v1/admin/adapters/{person.id}/promote", json={"version": 1})
    with live.client(person.key, **{"X-Loralei-Task": "tags_generation"}) as client:
        response = client.post("/v1/chat/completions", json=chat_body())
    assert response.headers["x-loralei-adapter"] == "base"


def test_a_rollback_restores_what_was(live: LiveServer, person: Person) -> None:
    before = text(live, person)
    import_version(live, person)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}"
        admin.post(f"{path}/promote", json={"version": 1})
        move = admin.post(f"{path}/rollback").json()
        assert (move["from"], move["to"]) == ("v1", "base")
        assert_refused(admin.post(f"{path}/rollback"), 404)
        assert len(admin.get(path).json()["promotions"]) == 2
    assert text(live, person) == before


def test_a_promotion_with_a_wrong_expectation_is_a_409_that_is_not_retried(
    live: LiveServer, person: Person
) -> None:
    import_version(live, person)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/promote"
        stale = admin.post(path, json={"version": 1, "expected": "v4"})
        assert_refused(stale, 409)
        assert stale.headers["x-should-retry"] == "false"
        assert admin.get(f"/v1/admin/users/{person.id}").json()["adapter"] == "base"
        assert_refused(admin.post(path, json={"version": 9}), 404)
        assert_refused(admin.post(path, json={"version": "newest"}), 400, "version")


def test_a_damaged_version_does_not_keep_its_user_from_an_answer(
    live: LiveServer, person: Person
) -> None:
    base = text(live, person)
    import_version(live, person)
    registry, files = live.services.stores.registry, live.services.stores.files
    with live.admin() as admin:
        admin.post(f"/v1/admin/adapters/{person.id}/promote", json={"version": 1})
    files.remove(registry.version(person.id, 1))
    assert text(live, person) == base


def test_a_version_can_be_taken_away_as_a_peft_folder(live: LiveServer, person: Person) -> None:
    import_version(live, person, seed=3)
    with live.admin() as admin:
        response = admin.get(f"/v1/admin/adapters/{person.id}/versions/1/download")
    assert response.headers["content-type"] == "application/zip"
    bundle = zipfile.ZipFile(io.BytesIO(response.content))
    assert bundle.read("adapter-v1/adapter_model.safetensors") == random_weights(live, 3)
    assert "adapter-v1/adapter_config.json" in bundle.namelist()


def test_a_version_can_be_taken_away_as_a_gguf_file(
    live: LiveServer, person: Person, tmp_path: Path
) -> None:
    import_version(live, person, seed=3)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions/1/download"
        response = admin.get(path, params={"format": "gguf"})
        assert_refused(admin.get(path, params={"format": "onnx"}), 400, "format")
    assert response.headers["content-disposition"].endswith('-v1.gguf"')
    (tmp_path / "adapter.gguf").write_bytes(response.content)
    reader = gguf.GGUFReader(tmp_path / "adapter.gguf")
    assert len(reader.tensors) == 2 * len(live.services.runtime.engine.shapes)
    alpha = reader.get_field("adapter.lora.alpha")
    assert alpha is not None and alpha.contents() == live.services.runtime.lora.alpha


def test_every_version_is_explained(live: LiveServer, person: Person) -> None:
    made = import_version(live, person)
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}"
        assert admin.get(f"{path}/versions/1").json() == made
        overview = admin.get(path).json()
        assert overview["versions"] == [made]
        assert overview["due"]["due"] is False and overview["due"]["reason"]
        (line,) = [
            row
            for row in admin.get("/v1/admin/adapters").json()["data"]
            if row["user"] == person.id
        ]
    assert (line["versions"], line["active"]) == (1, "base")
    assert line["size_bytes"] == made["size_bytes"]


def test_freezing_is_undone_by_unfreezing(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}"
        for action, expected in (("freeze", True), ("unfreeze", False)):
            assert admin.post(f"{path}/{action}").json()["frozen"] is expected
            assert admin.get(path).json()["frozen"] is expected


@pytest.mark.parametrize("name", [None, "unsloth/other-bnb-4bit"], ids=str)
def test_an_adapter_that_names_another_base_is_taken_with_a_warning(
    live: LiveServer, person: Person, name: str | None
) -> None:
    before = text(live, person)
    imported = import_adapter(live, person, base_model_name_or_path=name)
    assert imported.status_code == 201
    [warning] = imported.json()["warnings"]
    assert str(name) in warning or "does not say" in warning
    assert text(live, person, loralei={"adapter": "v1"}) != before


def test_an_adapter_that_is_said_to_be_of_the_same_base_is_taken_without_a_warning(
    live: LiveServer, person: Person
) -> None:
    imported = import_adapter(live, person, "?same_base=true", base_model_name_or_path="other")
    assert imported.status_code == 201
    assert "warnings" not in imported.json()
    refused = import_adapter(live, person, "?same_base=perhaps")
    assert_refused(refused, 400, "same_base")


def test_an_adapter_of_a_lower_rank_and_fewer_linears_answers(
    live: LiveServer, person: Person
) -> None:
    shapes = live.services.runtime.engine.shapes
    queries = {path: shape for path, shape in shapes.items() if path.endswith(".q_proj")}
    weights = save(random_adapter(queries, seed=4, scale=0.5, rank=2))
    before = text(live, person)
    changes: dict[str, Any] = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
    assert import_adapter(live, person, weights=weights, **changes).status_code == 201
    assert text(live, person, loralei={"adapter": "v1"}) != before
    with live.admin() as admin:
        response = admin.get(f"/v1/admin/adapters/{person.id}/versions/1/download")
        bundle = zipfile.ZipFile(io.BytesIO(response.content))
        exported = json.loads(bundle.read("adapter-v1/adapter_config.json"))
        again = import_adapter(
            live, person, weights=bundle.read("adapter-v1/adapter_model.safetensors"), **exported
        )
    assert again.status_code == 201, again.text
    assert again.json()["checksum"] == live.services.stores.registry.version(person.id, 1).checksum


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"r": 99}, "r is 99, this deployment has 8"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"target_modules": ["lm_head"], "use_dora": True}, "use_dora"),
    ],
    ids=str,
)
def test_a_refused_configuration_is_explained_before_the_weights_are_read(
    live: LiveServer, person: Person, changes: dict[str, Any], reason: str
) -> None:
    # Larger than the buffers of a connection: a client that still sends would miss the answer.
    refused = import_adapter(live, person, weights=b"x" * (16 << 20), **changes)
    assert_refused(refused, 400)
    assert reason in refused.json()["error"]["message"]
    with live.admin() as admin:
        assert admin.get(f"/v1/admin/adapters/{person.id}").json()["versions"] == []


def test_weights_of_another_model_are_refused_with_the_shape(
    live: LiveServer, person: Person
) -> None:
    shapes = dict.fromkeys(live.services.runtime.engine.shapes, (32, 32))
    weights = save(random_adapter(shapes, seed=4, rank=8))
    refused = import_adapter(live, person, weights=weights, base_model_name_or_path="Qwen/other")
    assert_refused(refused, 400)
    assert "other sizes 'Qwen/other'" in refused.json()["error"]["message"]


@pytest.mark.parametrize("size", [3e38, 1e10, 5000])
def test_weights_that_overflow_are_refused(live: LiveServer, person: Person, size: float) -> None:
    runtime = live.services.runtime
    tensors = random_adapter(runtime.engine.shapes, seed=4, rank=runtime.lora.rank)
    huge = {name: torch.full_like(each, size).bfloat16() for name, each in tensors.items()}
    refused = import_adapter(live, person, weights=save(huge))
    assert_refused(refused, 400)
    assert "sums overflow" in refused.json()["error"]["message"]
    with live.admin() as admin:
        assert admin.get(f"/v1/admin/adapters/{person.id}").json()["versions"] == []


def test_a_frontend_cannot_be_given_an_adapter(live: LiveServer, frontend: Person) -> None:
    assert_refused(import_adapter(live, frontend), 400, "user")


@pytest.mark.parametrize("header", ["", "not base64!", "e30=", "W10=", "AAAA", "é"])
def test_a_bad_import_leaves_nothing_behind(live: LiveServer, person: Person, header: str) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/versions"
        headers = {b"x-loralei-adapter-config": header.encode()}
        response = admin.post(path, content=b"\x80\x04pickle", headers=headers)
    assert response.status_code == 400
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    staging = live.services.settings.data_dir / "adapters" / ".staging"
    assert list(staging.iterdir()) == []


def test_an_unknown_user_or_version_is_a_404(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        for path in ("nobody", f"{person.id}/versions/1", f"{person.id}/versions/1/download"):
            assert_refused(admin.get(f"/v1/admin/adapters/{path}"), 404)
        for number in ("x", "0", str(10**30)):
            response = admin.get(f"/v1/admin/adapters/{person.id}/versions/{number}")
            assert_refused(response, 400, "number")


def test_a_frontend_has_no_adapter_to_train(live: LiveServer, frontend: Person) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{frontend.id}"
        assert_refused(admin.post(f"{path}/train"), 400, "user")
        assert_refused(admin.post(f"{path}/freeze"), 400, "user")


def test_completion_ids_sort_by_time(live: LiveServer, person: Person) -> None:
    ids = [live.chat(person.key, max_tokens=1)["id"] for _ in range(2)]
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"chatcmpl-[0-9a-f]{32}", each) for each in ids)
