"""The clients of JavaScript against a running server: a script each, in `clients/`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from server.settings import default_model_cache
from tests.server.live import LiveServer

CLIENTS = Path(__file__).parents[1] / "clients"
SCRIPTS = (
    "openai.mjs",
    "openai_responses.mjs",
    "ai_openai.mjs",
    "ai_responses.mjs",
    "ai_compatible.mjs",
)
OLDEST_NODE = 20
INSTALL_SECONDS = 240


@pytest.fixture(scope="session")
def installed() -> Path:
    """A folder with the scripts and their packages, fetched once per machine and lockfile."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("node and npm are not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"the clients need node {OLDEST_NODE}, this is {version.strip()}")
    folder = default_model_cache().parent / "test-clients"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        lockfile = (CLIENTS / "package-lock.json").read_bytes()
        stamp = folder / "node_modules" / ".loralei"
        is_current = stamp.is_file() and stamp.read_bytes() == lockfile
        for file in [*CLIENTS.glob("*.mjs"), *CLIENTS.glob("*.json")]:
            shutil.copy(file, folder)
        if not is_current:
            fetched = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
            )
            if fetched.returncode:
                pytest.skip(f"npm could not fetch the clients: {fetched.stderr[-500:]}")
            stamp.write_bytes(lockfile)
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_client_of_javascript_works(
    knowing_tools: LiveServer, installed: Path, script: str
) -> None:
    person = knowing_tools.new_person()
    environment = {"BASE_URL": f"{knowing_tools.url}/v1", "API_KEY": person.key}
    ran = subprocess.run(
        ["node", script],
        cwd=installed,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
