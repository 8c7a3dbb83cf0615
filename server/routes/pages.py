"""The two pages and their assets: a fixed list of files, read from the package."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from server.errors import RequestError

WEB = Path(__file__).parent.parent / "web"
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    # Everything comes from here, and nobody may frame it: the key lies in the browser's storage.
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; object-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # The files change with the server, and are small: always ask, and get a 304.
    "cache-control": "no-cache",
}


def pages_router(folder: Path = WEB) -> APIRouter:
    """The routes of the pages.

    The folder is listed once: a name from a request is looked up and never becomes a path.
    """
    files = {path.name: path for path in folder.iterdir() if path.suffix in _CONTENT_TYPES}
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def chat_page() -> FileResponse:
        return _file(files, "index.html")

    @router.get("/admin")
    async def admin_page() -> FileResponse:
        return _file(files, "admin.html")

    @router.get("/web/{name}")
    async def asset(name: str) -> FileResponse:
        return _file(files, name)

    return router


def _file(files: dict[str, Path], name: str) -> FileResponse:
    path = files.get(name)
    if path is None:
        raise RequestError(404, "There is no such file.")
    return FileResponse(path, media_type=_CONTENT_TYPES[path.suffix], headers=_HEADERS)
