"""Python's clients force calls on a real model that knows tools: `make test-clients`.

A file that pytest does not find by itself, because the clients take 650 MB.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.clients.environment import environment
from tests.server.live import LiveServer, listening

MODEL = "qwen2.5-coder-0.5b"
SCRIPTS = Path(__file__).parent / "python"
INSTALL_SECONDS = 1800
LOAD_SECONDS = 1200
CLIENT_SECONDS = 1200


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python of an environment that has the clients, made once per list of versions."""
    return environment("python", SCRIPTS / "requirements.txt", INSTALL_SECONDS)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with the smallest built-in model that knows tools."""
    data = tmp_path_factory.mktemp("forced-calls") / "data"
    with listening(Path(MODEL), data, schedule={"interval": 0, "nightly": ""}) as server:
        assert server.services.wait_until_loaded(LOAD_SECONDS), server.services.failure
        yield server


@pytest.mark.timeout(INSTALL_SECONDS + LOAD_SECONDS + CLIENT_SECONDS)
@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("use_*.py")), ids=lambda path: path.stem[4:])
def test_a_client_makes_the_calls_that_must_be_made(
    server: LiveServer, python: Path, script: Path
) -> None:
    person = server.new_person()
    environment = {"BASE_URL": f"{server.url}/v1", "API_KEY": person.key, "MODEL": MODEL}
    ran = subprocess.run(
        [python, script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
