"""The files of the pages over HTTP."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.routes.pages import WEB, pages_router
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


def named_by(page: str) -> list[str]:
    """The files that a page names, as it names them."""
    return re.findall(r'(?:href|src)="(/web/[^"]+)"', page)


@pytest.mark.parametrize("path", ["/", "/admin"])
def test_the_files_of_a_page_are_kept_until_one_of_them_changes(
    live: LiveServer, path: str
) -> None:
    with live.client() as nobody:
        page = nobody.get(path)
        assert page.headers["cache-control"] == "no-cache"
        for name in named_by(page.text):
            asset = nobody.get(name)
            assert asset.status_code == 200, name
            assert "immutable" in asset.headers["cache-control"], name


def test_a_page_of_an_earlier_release_finds_a_file_and_does_not_keep_it(live: LiveServer) -> None:
    with live.client() as nobody:
        late = nobody.get("/web/0123456789abcdef/text/code.js")
    assert late.content == (WEB / "text" / "code.js").read_bytes()
    assert late.headers["cache-control"] == "no-cache"


def test_the_version_changes_with_any_file(tmp_path: Path) -> None:
    def version() -> list[str]:
        app = FastAPI()
        app.include_router(pages_router(tmp_path))
        return named_by(TestClient(app).get("/").text)

    (tmp_path / "chat").mkdir()
    (tmp_path / "index.html").write_text('<script src="/web/chat/chat.js"></script>')
    (tmp_path / "chat" / "chat.js").write_text("one")
    before = version()
    assert before == version()
    (tmp_path / "chat" / "chat.js").write_text("two")
    assert before != version()


@pytest.mark.parametrize(
    ("page", "entry"), [("index", "chat/chat.js"), ("admin", "admin/admin.js")]
)
def test_a_page_names_every_module_that_it_imports(page: str, entry: str) -> None:
    html = (WEB / f"{page}.html").read_text(encoding="utf-8")
    named = [name.removeprefix("/web/") for name in named_by(html) if name.endswith(".js")]
    assert set(named) - {"shared/theme.js"} == imports_of(WEB / entry, set())


def imports_of(module: Path, known: set[str]) -> set[str]:
    """The names of a module and of all that it imports at once."""
    name = module.resolve().relative_to(WEB).as_posix()
    if name in known:
        return known
    known.add(name)
    for path in re.findall(r'^import [^;]*?"(\.[^"]+)";', module.read_text(), re.MULTILINE):
        imports_of(module.parent / path, known)
    return known
