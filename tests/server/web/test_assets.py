"""The files of the pages over HTTP."""

import pytest

from server.routes.pages import WEB
from tests.server.live import LiveServer

ASSETS = sorted(path.relative_to(WEB).as_posix() for path in WEB.glob("*/*"))


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_is_served_from_its_folder(live: LiveServer, asset: str) -> None:
    with live.client() as nobody:
        answer = nobody.get(f"/web/{asset}")
    assert answer.content == (WEB / asset).read_bytes()
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")


@pytest.mark.parametrize(
    "path",
    [
        "chat/nothing.js",
        "nowhere/chat.js",
        "chat.js",
        "chat",
        "chat/",
        "chat/..%2fadmin%2fadmin.js",
        "%2e%2e/app.py",
        "chat/%2e%2e%2f%2e%2e%2fapp.py",
        "chat/../../app.py",
        "%2fetc/passwd",
    ],
)
def test_a_path_outside_the_list_is_not_found(live: LiveServer, path: str) -> None:
    with live.client() as nobody:
        assert nobody.get(f"/web/{path}").status_code == 404
