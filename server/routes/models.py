"""`GET /v1/models`: the one base model, the same for everybody."""

from dataclasses import asdict

from fastapi import APIRouter

from server.auth import App
from server.errors import ModelNotFoundError
from server.services import Services
from server.wire.responses import Json
from server.wire.shapes import ListOf, Model

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", response_model=ListOf[Model])
def list_models(services: App) -> Json:
    """The base model."""
    return {"object": "list", "data": [_model(services)]}


@router.get("/{model:path}", response_model=Model)
def read_model(model: str, services: App) -> Json:
    """One model by its id."""
    found = _model(services)
    if model != found["id"]:
        raise ModelNotFoundError(f"The model {model!r} does not exist.")
    return found


def _model(services: Services) -> Json:
    engine, sampling = services.runtime.engine, services.runtime.sampling
    return {
        "id": engine.model_name,
        "object": "model",
        "created": int(services.started_at),
        "owned_by": "loralei",
        "context_length": engine.context_length,
        "sampling": asdict(sampling),
    }
