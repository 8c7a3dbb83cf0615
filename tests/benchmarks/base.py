"""The base model of the settings in this process."""

import torch
from rich.console import Console

from adapters_store.base_model import BaseModel, choose_device, choose_dtype, load_base_model
from adapters_store.models.resolve import ResolvedModel, resolve_model
from adapters_store.records import Precision
from adapters_store.weights.packed_file import packed_path
from scheduler.fit.cpu_attention import use_grouped_attention
from server.base_model.choice import or_smallest
from server.base_model.engines import load_base_of
from server.cli.views import model_progress
from server.settings import Settings


def resolve_base(settings: Settings, console: Console) -> ResolvedModel:
    """Fetch it if it is missing; the smallest if the settings name none."""
    with model_progress(console) as show:
        return resolve_model(or_smallest(settings.model), settings.model_cache, show)


def load_served(settings: Settings, console: Console) -> BaseModel:
    """Fetch it if it is missing, and load it as the server does."""
    return load_base_of(settings, resolve_base(settings, console))


def load_packed(
    settings: Settings, model: ResolvedModel, precision: Precision, dtype: torch.dtype
) -> BaseModel:
    """The base on a CPU with weights of this format, and a cache of this dtype."""
    return load_base_model(
        model.path,
        name=model.name,
        revision=model.revision,
        device=torch.device("cpu"),
        dtype=dtype,
        precision=precision,
        packed=packed_path(settings.model_cache, model.revision, precision),
    )


def load_base(settings: Settings, console: Console) -> BaseModel:
    """Fetch it if it is missing, and load it as a training does."""
    model = resolve_base(settings, console)
    device = choose_device(settings.device)
    base = load_base_model(
        model.path,
        name=model.name,
        revision=model.revision,
        device=device,
        dtype=choose_dtype(settings.dtype, device),
    )
    use_grouped_attention(base.model)
    return base
