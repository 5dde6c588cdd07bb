"""The mapped arrays of a release: plain `.npy` files that also say which space they belong to.

A footer of 32 bytes follows the data: `\\ndaybreak-space:` and the 16 hexadecimal digits of the space. numpy does not
read past the data, so `np.load(path, mmap_mode="r")` opens the files as they are.
"""

import mmap
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lookup.errors import ReleaseError
from lookup.release import schema

FOOTER = b"\ndaybreak-space:"
FOOTER_BYTES = 32
HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|=][a-z]\d+)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n",
    re.DOTALL,
)
"""As numpy writes it (NEP 1). numpy's own reader parses it as Python, which fails now and then in Python 3.11 when two
threads do so at once (python/cpython#106905)."""
HEADER_BYTES = 256


CACHED = 1 << 16
"""How many numbers are checked at a time."""
NO_ROW = -1


def file_name(name: str, shard: int | None = None) -> str:
    """The file of an array, relative to its release. shard: of the users that it is of; None: it is of all."""
    return f"arrays/{name}.npy" if shard is None else f"arrays/shard-{shard:03}/{name}.npy"


@contextmanager
def creating(
    release: Path, name: str, dims: Mapping[str, int], space_id: str, free: int = 0, *, shard: int | None = None
) -> Iterator[NDArray[Any]]:
    """Create an array of `lookup.release.schema` in the folder of a release, for the caller to fill block by block.

    dims: the size of each letter. free: the size of "*". shard: as in `file_name`. Yields the array, zeros, mapped for
    writing; when the block ends, it is on the disk. Raises OSError when there is no room: the whole file is claimed
    before the first write.
    """
    array = schema.array(name)
    path = release / file_name(name, shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    dtype, shape = np.dtype(array.dtype), array.size(dims, free)
    with path.open("w+b") as file:
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        start = file.tell()
        end = start + _nbytes(shape, dtype)
        # A mapped write into a hole of a full disk would kill the process; this raises instead.
        os.posix_fallocate(file.fileno(), 0, end + FOOTER_BYTES)
        file.seek(end)
        file.write(FOOTER + space_id.encode("ascii"))
        file.flush()
        mapped = mmap.mmap(file.fileno(), end + FOOTER_BYTES)
        yield np.ndarray(shape, dtype, buffer=mapped, offset=start)
        mapped.flush()
        os.fsync(file.fileno())


def write(release: Path, name: str, values: NDArray[Any], dims: Mapping[str, int], space_id: str) -> None:
    """Write an array from memory. Raises ValueError when its shape is not that of the dims."""
    free = len(values) if schema.FREE in schema.array(name).shape else 0
    with creating(release, name, dims, space_id, free) as out:
        if values.shape != out.shape:
            raise ValueError(f"{name} has shape {values.shape}; by the dims it must be {out.shape}")
        out[...] = values


def open_array(
    release: Path, name: str, dims: Mapping[str, int], space_id: str, shard: int | None = None
) -> NDArray[Any]:
    """Map an array of a release for reading, and check its header, shape, size and space. shard: as in `file_name`.

    Raises ReleaseError, naming the file, with what was found and what was expected.
    """
    array = schema.array(name)
    path = release / file_name(name, shard)
    dtype = np.dtype(array.dtype)
    with path.open("rb") as file:
        head = HEADER.match(file.read(HEADER_BYTES))
        if head is None:
            raise ReleaseError(f"{path}: the header is not that of an .npy file of version 1.0, as the build writes it")
        start = head.end()
        found, fortran = head[1].decode(), head[2] == b"True"
        shape = tuple(int(part) for part in head[3].replace(b",", b" ").split())
        size = os.fstat(file.fileno()).st_size
        expected = array.size(dims, shape[0] if shape else 0)
        if found != dtype.str or shape != expected or fortran:
            order = " in Fortran order" if fortran else ""
            raise ReleaseError(
                f"{path}: the header says {found} of shape {shape}{order}; "
                f"expected {dtype.str} ({dtype}) of shape {expected}"
            )
        end = start + _nbytes(shape, dtype)
        if size != end + FOOTER_BYTES:
            raise ReleaseError(f"{path}: {size} bytes found, {end + FOOTER_BYTES} expected by its header")
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    footer = mapped[end:]
    if footer != FOOTER + space_id.encode("ascii"):
        space = footer.removeprefix(FOOTER)
        found = f"of space {space.decode('ascii', 'replace')}" if footer.startswith(FOOTER) else "without a space"
        raise ReleaseError(f"{path}: the file is {found}; the manifest's space is {space_id}; spaces are never mixed")
    return np.ndarray(shape, dtype, buffer=mapped, offset=start)


def check_rows(
    release: Path,
    name: str,
    values: NDArray[Any],
    dims: Mapping[str, int],
    arrays: Mapping[str, Any],
    *,
    shard: int | None = None,
) -> None:
    """Check that the rows and places that an array of a release holds exist, so that no call meets one that does not.

    values: the array. arrays: all of the release, by name. shard: as in `file_name`. Reads all of an array of rows or
    places, and no other. Raises ReleaseError, naming the file, with what was found and what was expected.
    """
    array, path = schema.array(name), release / file_name(name, shard)
    if array.places_in is not None:
        size = len(arrays[array.places_in])
        if values[0] != 0 or values[-1] != size:
            raise ReleaseError(
                f"{path}: it goes from byte {values[0]} to {values[-1]}; {array.places_in} has {size}, and begins at 0"
            )
        falls = any(bool((part[1:] < part[:-1]).any()) for part in _blocks(values, overlap=1))
        if falls:
            raise ReleaseError(f"{path}: its places fall; each is at least the one before it")
    if array.rows_of is not None:
        low, high = (NO_ROW if array.ends else 0), dims[array.rows_of]
        for part in _blocks(values.reshape(-1)):
            least, most = int(part.min()), int(part.max())
            if least < low or most >= high:
                raise ReleaseError(
                    f"{path}: it holds row {least if least < low else most}; rows from {low} to {high - 1} expected"
                )


def _blocks(values: NDArray[Any], overlap: int = 0) -> Iterator[NDArray[Any]]:
    """Parts of an array that stay in the processor's cache, while they are read more than once."""
    for start in range(0, len(values), CACHED):
        yield values[start : start + CACHED + overlap]


def settle(array: NDArray[Any]) -> None:
    """Release the memory of this process behind a mapped array, or a part of one; its numbers stay as they are.

    A job that reads or writes a large array block by block calls it now and then, so that it never keeps all of it in
    memory.
    """
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    if base is not None:
        base.madvise(mmap.MADV_DONTNEED)


def _nbytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
