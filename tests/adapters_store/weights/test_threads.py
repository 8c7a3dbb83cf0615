"""Torch and Numba share OpenMP's threads."""

import subprocess
import sys

# In a process of its own: Numba starts its threads only once.
SCRIPT = """
import torch
torch.set_num_threads(1)
from adapters_store.weights.packed_weight import pack
from adapters_store.weights.product import product
product(torch.randn(1, 64), pack(torch.randn(16, 64), "float32"))
print(torch.get_num_threads())
"""


def test_a_product_leaves_the_number_of_threads_alone() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert result.stdout.strip() == "1", result.stderr
