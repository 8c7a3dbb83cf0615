"""The libraries of the pages: pinned, unchanged and with their licences."""

import hashlib
import json

import pytest

from server.routes.pages import WEB

VENDOR = WEB / "vendor"
PACKAGES = json.loads((VENDOR / "versions.json").read_text(encoding="utf-8"))


def test_every_file_has_the_hash_of_its_release() -> None:
    listed = {name: sha256 for package in PACKAGES for name, sha256 in package["files"].items()}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "versions.json"
    }
    assert found == listed


@pytest.mark.parametrize("package", PACKAGES, ids=[each["package"] for each in PACKAGES])
def test_a_library_has_a_version_and_its_licence(package: dict[str, str]) -> None:
    assert package["version"].count(".") == 2
    [text] = [VENDOR / name for name in package["files"] if name.endswith("-licence.txt")]
    assert "copyright" in text.read_text(encoding="utf-8").lower()
