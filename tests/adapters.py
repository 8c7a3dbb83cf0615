"""Random adapters for tests."""

from collections.abc import Container, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from adapters_store.files import AdapterFiles
from adapters_store.lora import ADAPTER_DTYPE, PEFT_PREFIX, AdapterPool
from adapters_store.records import AdapterVersion, LoraConfig

LORA = LoraConfig(rank=4, alpha=8.0)


def random_adapter(
    shapes: Mapping[str, tuple[int, int]], seed: int, scale: float = 0.3, rank: int = LORA.rank
) -> dict[str, Tensor]:
    """Tensors named and shaped as PEFT writes them, large enough to change replies."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for path, (out_features, in_features) in shapes.items():
        for name, shape in (("lora_A", (rank, in_features)), ("lora_B", (out_features, rank))):
            values = (scale * torch.randn(shape, generator=generator)).to(ADAPTER_DTYPE).float()
            tensors[f"{PEFT_PREFIX}{path}.{name}.weight"] = values
    return tensors


def pool_with_adapter(model: nn.Module, scale: float = 0.3) -> AdapterPool:
    """A pool on the model whose slot 1 holds an adapter that changes replies."""
    pool = AdapterPool(model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1, scale=scale))
    return pool


def publish_random_adapter(
    files: AdapterFiles,
    shapes: Mapping[str, tuple[int, int]],
    seed: int,
    *,
    lora: LoraConfig = LORA,
    scale: float = 0.3,
    dtype: torch.dtype = torch.float32,
    empty: Container[str] = (),
) -> AdapterVersion:
    """Put a random adapter on disk and return the version that names it.

    Modules in `empty` get zeros, as those do that are not trained.
    """
    staged = files.stage()
    filled = {path: shape for path, shape in shapes.items() if path not in empty}
    zeros = {path: shape for path, shape in shapes.items() if path in empty}
    tensors = random_adapter(filled, seed, scale, lora.rank)
    tensors |= random_adapter(zeros, seed, 0.0, lora.rank)
    rounded = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    save_file(rounded, staged / "adapter_model.safetensors")
    published = files.publish(staged, user_id=f"u{seed}")
    return AdapterVersion(
        user_id=f"u{seed}",
        number=1,
        parent=None,
        folder=published.folder,
        checksum=published.checksum,
        size_bytes=published.size_bytes,
        base_model="tiny",
        base_revision="r0",
        lora=lora,
        created_at=0.0,
        created_by="test",
    )


def save_adapter(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write adapter weights into a folder."""
    save_file(dict(tensors), folder / "adapter_model.safetensors")
