"""The base class of all request bodies: unknown fields are ignored, known ones are strict."""

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """A body, or a part of one, as a client sends it."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, protected_namespaces=())
