"""The kernel of `kernel.cpp` for Python: its structures, and where it is.

It is built when Daybreak is installed, where there is a C++ compiler. Nothing else needs it.
"""

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""As in kernel.cpp: a kernel that was built from other source is not used."""


def _pointers(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_void_p) for name in names]


def _numbers(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_int64) for name in names]


class KernelItems(ctypes.Structure):
    """Struct Items of kernel.cpp."""

    _fields_ = _pointers("packed", "rows", "order", "place", "step", "error", "norm") + _numbers("count", "words", "d")


class KernelLists(ctypes.Structure):
    """Struct Lists of kernel.cpp."""

    _fields_ = _pointers("offsets", "rows", "values")


class KernelQueries(ctypes.Structure):
    """Struct Queries of kernel.cpp."""

    _fields_ = _pointers("packed", "rows", "step", "lost", "kept", "noise", "excluded", "terms") + _numbers("count")


@cache
def library() -> ctypes.CDLL | None:
    """Return the kernel; None where it was not built, or where this processor cannot run it."""
    if not built():
        return None
    try:
        kernel = ctypes.CDLL(str(built()[0]))
        return kernel if kernel.daybreak_version() == VERSION and kernel.daybreak_runs() else None
    except (OSError, AttributeError):  # built elsewhere, or damaged
        return None


def state() -> tuple[str, str]:
    """Say which way a CPU ranks, and what to do where a kernel is missing; for `daybreak doctor`."""
    slow = "float32, which takes three times as long"
    if library() is not None:
        return "int8 and float32", ""
    if not built():
        return slow, "no kernel was built: install Daybreak again where there is a C++ compiler (g++)"
    return f"{slow}: the kernel does not run on this processor, or is of another version", ""


def built() -> list[Path]:
    """Return the file of the kernel, where there is one."""
    paths = [Path(__file__).with_name(f"_kernel{suffix}") for suffix in EXTENSION_SUFFIXES]
    return [path for path in paths if path.exists()][:1]


def address(array: NDArray[Any] | None, kind: type, shape: tuple[int, ...]) -> int | None:
    """Return where an array is. Raises TypeError where it is not of that type and shape, or has gaps."""
    if array is None:
        return None
    if array.dtype != kind or array.shape != shape or not array.flags.c_contiguous:
        raise TypeError(f"the kernel takes {np.dtype(kind)} of shape {shape}, not {array.dtype} of {array.shape}")
    return array.ctypes.data
