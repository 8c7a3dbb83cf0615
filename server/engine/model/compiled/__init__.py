"""The forward pass of a Llama-like model on a CPU, compiled as a whole."""

from pathlib import Path

from adapters_store.weights import product
from adapters_store.weights.compiled_cache import keep_compiled

# After `product`, which has a folder of its own.
keep_compiled(Path(product.__file__).parent, Path(__file__).parent)
