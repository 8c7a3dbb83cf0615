"""The LoRA layer for serving and training: every adapted linear holds a pool of adapter slots.

Slot 0 is "no adapter". Each forward pass names a slot per row, so rows of different users share a
batch. Slots can be trained, several in one batch: only their weights have gradients.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from adapters_store.records import LoraConfig
from adapters_store.weights.frozen import FrozenLinear

NO_ADAPTER = 0
PEFT_PREFIX = "base_model.model."
ADAPTER_DTYPE = torch.bfloat16
"""Trained adapters are rounded to this before they are evaluated, stored and served."""


@dataclass(slots=True)
class _Selection:
    """Which slots the current forward pass reads; shared by all layers of one pool."""

    uniform: int = NO_ADAPTER
    rows: Tensor | slice | None = None  # [batch], int64; set when rows differ
    # If all slots of the rows are trained: the distinct ones, and each row's place among them.
    trained: tuple[tuple[int, ...], Tensor] | None = None


class SlotLinear(nn.Module):
    """A frozen linear plus a low-rank product chosen per row (Hu et al. 2021, equation 3).

    y = x W' + x A[s] B[s], with `A` [slots, in, rank] and `B` [slots, rank, out]; alpha / rank is
    folded into `B`. `x` is [batch, tokens, in].
    """

    def __init__(
        self,
        linear: nn.Linear | FrozenLinear,
        rank: int,
        num_slots: int,
        dtype: torch.dtype,
        selection: _Selection,
    ) -> None:
        super().__init__()
        self.base: nn.Module = linear
        self.in_features, self.out_features = linear.in_features, linear.out_features
        device = linear.device if isinstance(linear, FrozenLinear) else linear.weight.device
        shape_a = (num_slots, linear.in_features, rank)
        shape_b = (num_slots, rank, linear.out_features)
        self.A = nn.Parameter(torch.zeros(shape_a, dtype=dtype, device=device), requires_grad=False)
        self.B = nn.Parameter(torch.zeros(shape_b, dtype=dtype, device=device), requires_grad=False)
        self._selection = selection
        self.trained: dict[int, tuple[Tensor, Tensor]] = {}  # leaves over A and B, by slot

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base(x)
        chosen = self._selection
        if chosen.rows is None and chosen.uniform == NO_ADAPTER:
            return y
        if chosen.rows is None and chosen.uniform in self.trained:
            a, b = self.trained[chosen.uniform]
        elif chosen.rows is not None and chosen.trained is not None and self.trained:
            distinct, places = chosen.trained
            leaves = zip(*(self.trained[slot] for slot in distinct), strict=True)
            a, b = (torch.stack(each).index_select(0, places) for each in leaves)
        else:
            slots = chosen.uniform if chosen.rows is None else chosen.rows
            a, b = self.A[slots], self.B[slots]
        # Float32 adapters are cast to the base's dtype: they are small, the activations are not.
        return y + (x @ a.to(x.dtype)) @ b.to(x.dtype)


class AdapterPool:
    """All adapter slots of one model, attached to its linear layers in place.

    A model can carry one pool. `layers` maps a module path such as
    `model.layers.0.self_attn.q_proj` to its layer.
    """

    def __init__(
        self, model: nn.Module, config: LoraConfig, num_slots: int, dtype: torch.dtype | None = None
    ) -> None:
        """Attach `num_slots` empty slots, slot 0 included.

        `dtype` is that of the adapter weights; None is the base weights' own. Raises `ValueError`
        if a target names no linear layer or the model has a pool already.
        """
        if any(isinstance(module, SlotLinear) for module in model.modules()):
            raise ValueError("the model has an adapter pool already")
        self.config = config
        self.num_slots = num_slots
        self._selection = _Selection()
        self.layers: dict[str, SlotLinear] = {}
        self._trained: dict[str, SlotLinear] = {}
        for path, linear in _target_linears(model, config.targets).items():
            layer = SlotLinear(
                linear, config.rank, num_slots, dtype or _dtype_of(model), self._selection
            )
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, layer)
            self.layers[path] = layer
        self.train_upper(1.0)

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """(out_features, in_features) of every adapted linear, by module path."""
        return {p: (y.out_features, y.in_features) for p, y in self.layers.items()}

    @property
    def target_modules(self) -> list[str]:
        """The adapted layers' names as PEFT's `target_modules` spells them, sorted."""
        return sorted({path.rpartition(".")[2] for path in self.layers})

    @property
    def slot_parameters(self) -> int:
        """Parameters of one adapter."""
        return self._size(self.layers)

    def train_upper(self, share: float) -> None:
        """Train only the linears of the top `share` (0..1) of the model's blocks.

        At least one block is trained, and every linear outside the blocks.
        """
        blocks = list(dict.fromkeys(map(_block, self.layers)))
        lower = set(blocks[: min(int(len(blocks) * (1 - share)), len(blocks) - 1)]) - {None}
        self._trained = {p: y for p, y in self.layers.items() if _block(p) not in lower}

    @property
    def lowest_trained_block(self) -> tuple[str, int] | None:
        """Where the trained blocks begin, such as `model.layers` and 15; None if a trained linear
        is outside the blocks."""
        numbers = {path: number for path in self._trained if (number := _block(path)) is not None}
        if len(numbers) < len(self._trained):
            return None
        lowest = min(numbers, key=numbers.__getitem__)
        return lowest.partition(f".{numbers[lowest]}.")[0], numbers[lowest]

    @property
    def is_base_in_use(self) -> bool:
        """Whether no row uses an adapter."""
        return self._selection.rows is None and self._selection.uniform == NO_ADAPTER

    @property
    def trained_parameters(self) -> int:
        """Parameters of one adapter that are trained."""
        return self._size(self._trained)

    @contextmanager
    def use(self, slots: int | Sequence[int]) -> Iterator[None]:
        """Use these slots for forward passes in the block: one for all rows, or one per row."""
        previous = replace(self._selection)
        self._select([slots] if isinstance(slots, int) else slots)
        try:
            yield
        finally:
            for name in _Selection.__slots__:
                setattr(self._selection, name, getattr(previous, name))

    def _select(self, slots: Sequence[int]) -> None:
        chosen, distinct = self._selection, sorted(set(slots))
        if len(distinct) == 1:
            chosen.uniform, chosen.rows = distinct[0], None
            return
        first = next(iter(self._trained.values()))
        device = first.A.device
        # A slice is read in place, a tensor gathers.
        chosen.rows = _neighbours(slots) or torch.tensor(slots, device=device)
        chosen.trained = None
        if first.trained.keys() >= set(distinct):
            places = [distinct.index(slot) for slot in slots]
            chosen.trained = tuple(distinct), torch.tensor(places, device=device)

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise `KeyError` for a missing tensor of an adapter, `ValueError` for a wrong shape."""
        for path, layer in self.layers.items():
            for name, pooled in (("lora_A", layer.A), ("lora_B", layer.B)):
                shape = tensors[_peft_name(path, name)].shape
                if shape != pooled.shape[:0:-1]:
                    raise ValueError(f"{path}.{name} has shape {tuple(shape)}")

    @torch.no_grad()
    def load(self, slot: int, tensors: Mapping[str, Tensor]) -> None:
        """Copy an adapter, in PEFT's names and shapes, into a slot.

        Raises `KeyError` for a missing tensor and `ValueError` for a wrong shape, before copying.
        """
        refuse_slot_zero(slot)
        self.check(tensors)
        for path, layer in self.layers.items():
            layer.A[slot].copy_(tensors[_peft_name(path, "lora_A")].T)
            # Folded in float32: rounding happens once.
            b = tensors[_peft_name(path, "lora_B")].float().T * self.config.scaling
            layer.B[slot].copy_(b)

    @torch.no_grad()
    def read(self, slot: int, dtype: torch.dtype) -> dict[str, Tensor]:
        """A slot's adapter on the CPU, in PEFT's names and shapes."""
        tensors = {}
        for path, layer in self.layers.items():
            a, b = layer.A[slot].T, layer.B[slot].float().T / self.config.scaling
            tensors[_peft_name(path, "lora_A")] = a.to("cpu", dtype).contiguous()
            tensors[_peft_name(path, "lora_B")] = b.to("cpu", dtype).contiguous()
        return tensors

    @torch.no_grad()
    def clear(self, slot: int) -> None:
        """Empty a slot."""
        for layer in self.layers.values():
            layer.A[slot].zero_()
            layer.B[slot].zero_()

    @torch.no_grad()
    def scale(self, slot: int, factor: float) -> None:
        """Multiply a slot's low-rank product by `factor`."""
        for layer in self.layers.values():
            layer.B[slot].mul_(factor)

    def is_empty(self, slot: int) -> bool:
        """Whether a slot adds nothing."""
        return not any(layer.B[slot].any() for layer in self.layers.values())

    @contextmanager
    def train(self, slot: int) -> Iterator[None]:
        """Give a slot's weights in the trained layers gradients, in passes of trained slots only.

        Several slots may be trained at once. Raises `ValueError` for slot 0.
        """
        refuse_slot_zero(slot)
        for layer in self._trained.values():
            # Of the slot alone: a gradient of the whole pool would be as large as the pool.
            a, b = layer.A[slot].detach(), layer.B[slot].detach()
            layer.trained[slot] = a.requires_grad_(), b.requires_grad_()
        try:
            yield
        finally:
            for layer in self._trained.values():
                del layer.trained[slot]

    def trained_weights(self, slot: int) -> tuple[list[Tensor], list[Tensor]]:
        """The A [in, rank] and the B [rank, out] of every trained layer, in layer order.

        They are leaves that share the memory of the slot. Raises `ValueError` outside `train`.
        """
        pairs = [layer.trained[slot] for layer in self._trained.values() if slot in layer.trained]
        if len(pairs) < len(self._trained):
            raise ValueError(f"slot {slot} is not trained: use its weights within `train`")
        return [a for a, _ in pairs], [b for _, b in pairs]

    def _size(self, layers: Mapping[str, SlotLinear]) -> int:
        features = (layer.in_features + layer.out_features for layer in layers.values())
        return self.config.rank * sum(features)


def linear_shapes(model: nn.Module, targets: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(out_features, in_features) of the adapted linears, by module path.

    Raises `ValueError` if a target names no linear layer.
    """
    linears = _target_linears(model, targets)
    return {path: (each.out_features, each.in_features) for path, each in linears.items()}


def side_by_side(adapters: Sequence[Mapping[str, Tensor]], rank: int) -> Mapping[str, Tensor]:
    """Adapters of one shape as one adapter of this rank, in PEFT's names: the product is their sum.

    Their ranks lie side by side, A along rows and B along columns, then zeros. All must have the
    same scaling as the result. As PEFT's `add_weighted_adapter(combination_type="cat")`.
    """
    stacked = {}
    for name in adapters[0]:
        axis = 0 if ".lora_A." in name else 1
        parts = [each[name] for each in adapters]
        shape = [*parts[0].shape]
        shape[axis] = max(0, rank - sum(part.shape[axis] for part in parts))
        stacked[name] = torch.cat([*parts, parts[0].new_zeros(shape)], axis)
    return stacked


def refuse_slot_zero(slot: int) -> None:
    """Raise `ValueError` for slot 0, which must stay empty."""
    if slot == NO_ADAPTER:
        raise ValueError("slot 0 is the base model and stays empty")


def _block(path: str) -> int | None:
    """The number of a module's block, such as 0 for `model.layers.0.mlp.up_proj`."""
    return next((int(part) for part in path.split(".") if part.isdecimal()), None)


def _peft_name(path: str, matrix: str) -> str:
    return f"{PEFT_PREFIX}{path}.{matrix}.weight"


def _neighbours(slots: Sequence[int]) -> slice | None:
    """The slots as a slice if they are consecutive, else None."""
    if list(slots) != list(range(slots[0], slots[0] + len(slots))):
        return None
    return slice(slots[0], slots[0] + len(slots))


def _dtype_of(model: nn.Module) -> torch.dtype:
    return next(parameter.dtype for parameter in model.parameters())


def _target_linears(
    model: nn.Module, targets: Sequence[str]
) -> dict[str, nn.Linear | FrozenLinear]:
    """The linear layers to adapt, by path, in model order; never the output head."""
    head = getattr(model, "get_output_embeddings", lambda: None)()
    linears = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear | FrozenLinear) and module is not head
    }
    names = {path.rpartition(".")[2] for path in linears}
    if unknown := set(targets) - names:
        raise ValueError(f"no linear layer is called {sorted(unknown)}; there are {sorted(names)}")
    chosen = set(targets) or names
    return {path: linear for path, linear in linears.items() if path.rpartition(".")[2] in chosen}
