"""Many arrays in one mapped file, in the format of safetensors: a header in JSON, and the bytes of each array.

Eight bytes give the length of the header, little-endian. The header has of each array its dtype, shape and place; under
`__metadata__` texts. Other programs read the file with the package `safetensors`; here numpy maps it.
"""

import json
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError

DTYPES = {
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "I64": "int64",
    "U64": "uint64",
    "F64": "float64",
}
"""safetensors' names of the dtypes that are used."""
NAMES = {dtype: name for name, dtype in DTYPES.items()}
LONGEST_HEADER = 4 << 20
"""Bytes."""
BLOCK = 8
"""The header ends, and each array begins, at a multiple of so many bytes."""


def write(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write arrays into a new file, and sync it. Raises OSError, naming the file, when there is no room."""
    # The widest numbers first, so that each array is aligned without gaps, which the format does not allow.
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    place = 0
    for name in order:
        array = arrays[name]
        end = place + array.nbytes
        header[name] = {"dtype": NAMES[str(array.dtype)], "shape": list(array.shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % BLOCK)
    try:
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                file.write(np.ascontiguousarray(arrays[name]).data.cast("B") if arrays[name].size else b"")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Map the arrays of a file for reading, and its metadata.

    Raises ReleaseError, naming the file, where it is no such file, OSError where it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            raise ReleaseError(f"{path}: a header of {length} bytes in a file of {size}")
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    try:
        header = json.loads(mapped[8 : 8 + length])
        metadata = {str(name): str(text) for name, text in header.pop("__metadata__", {}).items()}
        arrays = {name: _array(mapped, 8 + length, one) for name, one in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ReleaseError(f"{path}: its header cannot be read: {error!r:.200}") from None
    return arrays, metadata


def _array(mapped: mmap.mmap, start: int, one: Mapping[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(DTYPES[one["dtype"]])
    shape = tuple(int(size) for size in one["shape"])
    first, end = (int(place) for place in one["data_offsets"])
    if first < 0 or min(shape, default=1) < 0 or end - first != int(np.prod(shape, dtype=object)) * dtype.itemsize:
        raise ValueError(f"{first} to {end} for {dtype} {shape}")
    return np.ndarray(shape, dtype, buffer=mapped, offset=start + first)
