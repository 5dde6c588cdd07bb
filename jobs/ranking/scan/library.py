"""The kernel of `kernel.cpp` for Python: its structures, and whether it runs here."""

import ctypes

from jobs.infra.compiled import library as compiled


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

    _fields_ = _pointers("packed", "rows", "step", "lost", "kept", "noise", "excluded", "terms", "allowed") + _numbers(
        "count"
    )


def library() -> ctypes.CDLL | None:
    """Return the compiled library; None where it was not built, or where this processor cannot run the kernel."""
    found = compiled.library()
    return found if found is not None and found.daybreak_runs() else None


def state() -> tuple[str, str]:
    """Say which way a CPU ranks, and what to do where a kernel is missing; for `daybreak doctor`."""
    slow = "float32, which takes three times as long"
    if library() is not None:
        return "int8 and float32", ""
    if not compiled.built():
        return slow, "no kernel was built: install Daybreak again where there is a C++ compiler (g++)"
    return f"{slow}: the kernel does not run on this processor, or is of another version", ""
