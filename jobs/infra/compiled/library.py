"""The compiled library, where it was built."""

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 3
"""As in kernel.cpp: a library that was built from other source is not used."""


@cache
def library() -> ctypes.CDLL | None:
    """Return the library; None where it was not built, or is not usable here."""
    if not built():
        return None
    try:
        found = ctypes.CDLL(str(built()[0]))
        return found if found.daybreak_version() == VERSION else None
    except (OSError, AttributeError):  # built elsewhere, or damaged
        return None


def built() -> list[Path]:
    """Return the file of the library, where there is one."""
    paths = [Path(__file__).with_name(f"_library{suffix}") for suffix in EXTENSION_SUFFIXES]
    return [path for path in paths if path.exists()][:1]


def address(array: NDArray[Any] | None, kind: type, shape: tuple[int, ...]) -> int | None:
    """Return where an array is. Raises TypeError where it is not of that type and shape, or has gaps."""
    if array is None:
        return None
    if array.dtype != kind or array.shape != shape or not array.flags.c_contiguous:
        raise TypeError(f"compiled code takes {np.dtype(kind)} of shape {shape}, not {array.dtype} of {array.shape}")
    return array.ctypes.data
