"""Matrices of numpy as Arrow columns, and back."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def list_column(matrix: NDArray[np.float32]) -> pa.Array:
    """A matrix, float32 (n, d), as a column of n lists of d numbers."""
    flat = pa.array(np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1]).cast(pa.list_(pa.float32()))


def matrix(column: pa.Array, width: int) -> NDArray[np.float32]:
    """A column of n lists of `width` numbers as a matrix, float32 (n, width).

    Raises ValueError where a list is null or has another length.
    """
    values = column.flatten()
    if column.null_count or len(values) != len(column) * width:
        raise ValueError(f"expected {len(column)} lists of {width} numbers, found {len(values)} numbers in all")
    result: NDArray[np.float32] = values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, width)
    return result
