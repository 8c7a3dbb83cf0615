from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters_store.errors import AdapterInvalidError
from adapters_store.exchange.tensor_file import MAX_WEIGHT, check_magnitudes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_with_which_sums_overflow_are_refused(
    tmp_path: Path, dtype: torch.dtype, sign: int
) -> None:
    file = tmp_path / "adapter.safetensors"
    save_file({"a": torch.full((2, 3), sign * MAX_WEIGHT * 0.99, dtype=dtype)}, file)
    check_magnitudes(file)
    save_file({"a": torch.full((2, 3), sign * torch.finfo(dtype).max, dtype=dtype)}, file)
    with pytest.raises(AdapterInvalidError, match="sums overflow"):
        check_magnitudes(file)
