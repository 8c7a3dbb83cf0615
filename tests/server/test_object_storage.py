"""A server whose adapters are in object storage, too."""

import os
from pathlib import Path
from typing import Any

from tests.server.live import running
from tests.server.peft_folder import put_version_to_use


def test_an_adapter_that_only_the_storage_has_answers_until_its_user_is_erased(
    tiny_model: Path, tmp_path: Path
) -> None:
    remote, local = tmp_path / "remote", tmp_path / "data" / "adapters"
    schedule = {"interval": 0, "nightly": ""}
    options: dict[str, Any] = {
        "schedule": schedule,
        "threads": 1,
        "adapters_url": f"file://{remote}",
    }
    with running(tiny_model, tmp_path / "data", **options) as server:
        person, key = server.new_person(), server.admin_key
        server.chat(person.key)
        put_version_to_use(server, person)
        stored = {path.name for path in remote.iterdir()}
    assert len(stored) == 2
    for name in stored:
        (local / name / "large").write_bytes(bytes(2 << 20))
        os.utime(local / name, (0, 0))
    options["adapters_disk_mb"] = 1
    with running(tiny_model, tmp_path / "data", **options) as server:
        assert server.chat(person.key)["loralei"]["adapter"] == "v2"
        assert len(stored & {path.name for path in local.iterdir()}) == 1
        with server.client(key) as admin:
            backup = tmp_path / "backup"
            with server.client(server.services.cli_token) as command_line:
                made = command_line.post("/v1/admin/backup", json={"folder": str(backup)}).json()
            assert (made["versions"], made["damaged"]) == (1, [])
            admin.delete(f"/v1/admin/users/{person.id}").raise_for_status()
        assert list(remote.rglob("*.safetensors")) == []
