"""The two pages and their assets: a fixed list of files, read from the package once.

The pages name their files with a version, which is a hash of all files. So browsers keep them until
a release changes one, and never mix files of two releases.
"""

import hashlib
from pathlib import Path

from fastapi import APIRouter, Response

from server.errors import RequestError

WEB = Path(__file__).parent.parent / "web"
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    # The browser's storage holds the key, so nothing loads from elsewhere and nobody may frame us.
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; object-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_ASK_EACH_TIME = "no-cache"
_KEEP_A_YEAR = "public, max-age=31536000, immutable"
_VERSION_LENGTH = 16


def pages_router(folder: Path = WEB) -> APIRouter:
    """The routes of the pages.

    The folder is read once. A name from a request is looked up and never becomes a path.
    """
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in _CONTENT_TYPES
    }
    version = _version_of(files)
    pages = {
        name: content.replace(b'"/web/', f'"/web/{version}/'.encode())
        for name, content in files.items()
        if name.endswith(".html")
    }
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def chat_page() -> Response:
        return _response(pages, "index.html", _ASK_EACH_TIME)

    @router.get("/admin")
    async def admin_page() -> Response:
        return _response(pages, "admin.html", _ASK_EACH_TIME)

    @router.get("/web/{shelf}/{name}")
    async def asset(shelf: str, name: str) -> Response:
        return _response(files, f"{shelf}/{name}", _ASK_EACH_TIME)

    @router.get("/web/{asked}/{shelf}/{name}")
    async def asset_of_version(asked: str, shelf: str, name: str) -> Response:
        # A page that was opened before an update still finds what it loads late.
        caching = _KEEP_A_YEAR if asked == version else _ASK_EACH_TIME
        return _response(files, f"{shelf}/{name}", caching)

    return router


def _version_of(files: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, content in files.items():
        whole.update(f"{name} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()[:_VERSION_LENGTH]


def _response(files: dict[str, bytes], name: str, caching: str) -> Response:
    content = files.get(name)
    if content is None:
        raise RequestError(404, "There is no such file.")
    headers = {**_HEADERS, "cache-control": caching}
    return Response(content, media_type=_CONTENT_TYPES[Path(name).suffix], headers=headers)
