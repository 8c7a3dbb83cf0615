"""Builds the engine that the settings choose, and says how training loads the base model."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from adapters_store.base_model import (
    BaseModel,
    choose_device,
    choose_dtype,
    choose_precision,
    load_base_model,
    outline_base_model,
)
from adapters_store.files import AdapterFiles
from adapters_store.models.resolve import ResolvedModel
from adapters_store.records import Precision
from adapters_store.weights.packed_file import packed_path
from server.base_model.check_memory import check_memory
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.interface import Engine
from server.engine.vllm.check import describe, look_at
from server.engine.vllm.client import VllmClient
from server.engine.vllm.engine import VllmConfig, VllmEngine
from server.engine.vllm.errors import (
    AdapterGoneError,
    RefusedError,
    ServerGoneError,
    UnsuitableServerError,
)
from server.settings import Settings
from server.stores import Stores

VLLM_LINKS = ".vllm"
"""Among the adapters, because hard links need the same file system."""


@dataclass(frozen=True, slots=True)
class BaseForm:
    """Where and in which number format the base model is loaded: see `load_base_model`."""

    device: torch.device
    dtype: torch.dtype
    precision: Precision | None
    packed: Path | None


def base_form(settings: Settings, model: ResolvedModel) -> BaseForm:
    """How the base model is loaded, by this process or by training."""
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    precision = choose_precision(settings.base_precision, device, dtype)
    packed = None
    if precision is not None and device.type == "cpu":
        packed = packed_path(settings.model_cache, model.revision, precision)
    return BaseForm(device, dtype, precision, packed)


def load_base_of(settings: Settings, model: ResolvedModel) -> BaseModel:
    """Load the base model as the settings say. Raises `ValueError`, `OSError`."""
    form = base_form(settings, model)
    number_format = form.precision or str(form.dtype).removeprefix("torch.")
    check_memory(settings, model, form.device, number_format)
    return load_base_model(
        model.path,
        name=model.name,
        revision=model.revision,
        device=form.device,
        dtype=form.dtype,
        precision=form.precision,
        packed=form.packed,
    )


def build_engine(
    settings: Settings, model: ResolvedModel, stores: Stores
) -> tuple[Engine, Mapping[str, Any]]:
    """The engine, unstarted, and the base model's `generation_config`.

    Only the local one holds the base model's weights. Raises `ValueError`, `OSError`.
    """
    if settings.engine == "vllm":
        return _vllm_engine(settings, model, stores.files, stores.folder.adapters / VLLM_LINKS)
    base = load_base_of(settings, model)
    config = EngineConfig(
        max_batch_size=settings.max_batch_size,
        queue_limit=settings.queue_limit,
        user_queue_limit=settings.user_queue_limit,
        context_length=settings.context_length,
        prefill_chunk=settings.prefill_chunk,
        adapter_cache_bytes=settings.adapter_cache_mb << 20,
        prefix_cache_bytes=settings.prefix_cache_mb << 20,
        dry_multiplier=settings.dry_multiplier,
        max_stacked=_max_stacked(settings),
    )
    configured: Mapping[str, Any] = base.model.generation_config.to_dict()
    return LocalEngine(base, settings.lora, stores.files, config), configured


def why_unsuitable(settings: Settings, url: str, model: str) -> str | None:
    """Why a vLLM server is of no use, from what it says of itself; None if it is fine. Blocks.

    `model` is the setting. A model that was not prepared yet is not compared.
    """
    path = Path(model).expanduser()
    folder = path if path.is_dir() else settings.model_cache / model

    async def look() -> None:
        client = VllmClient(url, _vllm_key(settings))
        try:
            await look_at(client, model, folder)
        finally:
            await client.close()

    try:
        asyncio.run(look())
    except (UnsuitableServerError, ServerGoneError, RefusedError, AdapterGoneError) as error:
        return describe(url, error)
    return None


def _max_stacked(settings: Settings) -> int:
    """How many adapters answer together: a user's own, and the organisation's."""
    return 2 if settings.organisation else 1


def _vllm_key(settings: Settings) -> str | None:
    return settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else None


def _vllm_engine(
    settings: Settings, model: ResolvedModel, files: AdapterFiles, links: Path
) -> tuple[Engine, Mapping[str, Any]]:
    outline = outline_base_model(
        model.path, name=model.name, revision=model.revision, targets=settings.lora.targets
    )
    config = VllmConfig(
        urls=settings.vllm_urls,
        links=links.absolute(),
        api_key=_vllm_key(settings),
        max_batch_size=settings.max_batch_size,
        queue_limit=settings.queue_limit,
        user_queue_limit=settings.user_queue_limit,
        context_length=settings.context_length,
    )
    widest = settings.lora.widened(_max_stacked(settings))
    engine = VllmEngine(outline, widest, files, config, model_folder=model.path)
    return engine, outline.generation_config
