"""The base model of the settings in this process."""

from rich.console import Console

from adapters_store.base_model import BaseModel, choose_device, choose_dtype, load_base_model
from adapters_store.models.resolve import resolve_model
from scheduler.fit.cpu_attention import use_grouped_attention
from server.base_model.choice import or_smallest
from server.cli.views import model_progress
from server.runtime import load_base_of
from server.settings import Settings


def load_served(settings: Settings, console: Console) -> BaseModel:
    """Fetch it if it is missing, and load it as the server does."""
    with model_progress(console) as show:
        model = resolve_model(or_smallest(settings.model), settings.model_cache, show)
    return load_base_of(settings, model)


def load_base(settings: Settings, console: Console) -> BaseModel:
    """Fetch it if it is missing, and load it as a training does."""
    with model_progress(console) as show:
        model = resolve_model(or_smallest(settings.model), settings.model_cache, show)
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
