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
    # The files are small and change with the server: browsers ask each time and get a 304.
    "cache-control": "no-cache",
}


def pages_router(folder: Path = WEB) -> APIRouter:
    """The routes of the pages.

    The folder is listed once. A name from a request is looked up and never becomes a path.
    """
    files = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix in _CONTENT_TYPES
    }
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def chat_page() -> FileResponse:
        return _response(files, "index.html")

    @router.get("/admin")
    async def admin_page() -> FileResponse:
        return _response(files, "admin.html")

    @router.get("/web/{shelf}/{name}")
    async def asset(shelf: str, name: str) -> FileResponse:
        return _response(files, f"{shelf}/{name}")

    return router


def _response(files: dict[str, Path], name: str) -> FileResponse:
    path = files.get(name)
    if path is None:
        raise RequestError(404, "There is no such file.")
    return FileResponse(path, media_type=_CONTENT_TYPES[path.suffix], headers=_HEADERS)
