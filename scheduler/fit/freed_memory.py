"""Gives memory that tensors have left back to the system."""

import ctypes
import sys


def return_freed_memory() -> None:
    """Return the whole free pages of the heap, wherever they are; glibc does so only at its end.

    Some other allocators have no such function, and do not need it.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(ctypes.c_size_t(0))
