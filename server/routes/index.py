"""`GET /v1`: what there is. Two routes that clients try say what to use instead."""

from fastapi import APIRouter, Request, Response

from server.auth import ADMIN_PATHS, KeyedRoute
from server.errors import ErrorEnvelope, RequestError
from server.wire.responses import Json
from server.wire.shapes import ApiIndex

router = APIRouter(prefix="/v1", route_class=KeyedRoute, tags=["index"])


@router.get("", response_model=ApiIndex)
def list_routes(request: Request) -> Json:
    """The routes that need no admin's key."""
    paths = request.app.openapi()["paths"]
    routes = [
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith("/v1/") and not path.startswith(ADMIN_PATHS)
        if any(status < "400" for status in operation["responses"])
    ]
    return {"object": "api", "description": "/openapi.json", "routes": routes}


@router.post("/embeddings", status_code=404, response_model=ErrorEnvelope)
async def refuse_embeddings() -> Response:
    """Say that there are none."""
    message = (
        "Embeddings are not planned: the base model writes replies. Use a server with an"
        " embedding model."
    )
    raise RequestError(404, message)


@router.post("/messages", status_code=404, response_model=ErrorEnvelope)
async def refuse_messages() -> Response:
    """Say which API to use in place of Anthropic's."""
    message = (
        "Anthropic's Messages API is not planned. Use POST /v1/chat/completions or"
        " POST /v1/responses."
    )
    raise RequestError(404, message)
