"""The lock files have what `constraints.txt` and `pyproject.toml` name, each with hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
# Its builds, and so its hashes, differ by index.
UNLOCKED = {"torch"}


def blocks(name: str) -> list[str]:
    """The requirements of a lock file, each with its hashes."""
    return re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip())


def versions(name: str) -> dict[str, str]:
    """The version of each package of a lock file, or of the constraints."""
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text(encoding="utf-8"), re.M)
    return {canonicalize_name(package): version for package, version in pins}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    assert [block for block in blocks(lock) if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locked_versions_are_those_of_the_constraints(lock: str) -> None:
    constrained = versions("constraints.txt")
    differing = {
        package: (version, constrained[package])
        for package, version in versions(lock).items()
        if constrained.get(package, version) != version
    }
    assert differing == {}


def test_the_server_has_the_same_versions_in_both_locks() -> None:
    assert versions("requirements.lock").items() <= versions("requirements-dev.lock").items()


def test_every_dependency_is_locked_in_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    server, dev = map(versions, LOCKS)
    wanted = [(server, text) for text in project["dependencies"]]
    wanted += [(dev, text) for text in project["optional-dependencies"]["dev"]]
    missing = [
        text
        for locked, text in wanted
        if (needed := Requirement(text)).name not in UNLOCKED
        and not needed.specifier.contains(locked.get(canonicalize_name(needed.name), "0"))
    ]
    assert missing == []
