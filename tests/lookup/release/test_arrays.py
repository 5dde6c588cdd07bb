from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup import ReleaseError
from lookup.release.arrays import FOOTER_BYTES, creating, file_name, open_array, settle, write
from lookup.release.schema import ARRAYS

SPACE = "0123456789abcdef"
DIMS = {"I": 5, "U": 3, "C": 2, "D": 4, "K": 3, "O": 2, "S": 2, "B": 0, "P": 6, "N": 3, "G": 2, "M": 1, "F": 0, "V": 1}
DIMS |= {"E": 9, "R": 2, "L": 3, "H": 2, "Q": 1, "T": 1, "W": 2, "X": 6, "J": 4}


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.name)
def test_written_and_opened_again(array, tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 100, array.size(DIMS, 7)).astype(array.dtype)
    write(tmp_path, array.name, values, DIMS, SPACE)
    found = open_array(tmp_path, array.name, DIMS, SPACE)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, values)
    assert not found.flags.writeable
    path = tmp_path / file_name(array.name)
    if values.size:  # numpy cannot map an array of no bytes
        np.testing.assert_array_equal(np.load(path, mmap_mode="r"), values)
    assert path.read_bytes()[-FOOTER_BYTES:] == b"\ndaybreak-space:" + SPACE.encode()


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 9), st.integers(1, 20))
def test_written_in_blocks(tmp_path_factory: pytest.TempPathFactory, users: int, dimensions: int, block: int) -> None:
    folder, dims = tmp_path_factory.mktemp("blocks"), DIMS | {"U": users, "D": dimensions}
    values = np.random.default_rng(2).normal(size=(users, dimensions)).astype(np.float32)
    with creating(folder, "user_vector", dims, SPACE) as out:
        for start in range(0, users, block):
            out[start : start + block] = values[start : start + block]
            settle(out[start:])  # what was written stays
    found = open_array(folder, "user_vector", dims, SPACE)
    settle(found)
    np.testing.assert_array_equal(found, values)


def test_a_shape_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"user_vector has shape \(3, 5\); by the dims it must be \(3, 4\)"):
        write(tmp_path, "user_vector", np.zeros((3, 5), np.float32), DIMS, SPACE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path, "user_vector", np.ones((3, 4), np.float32), DIMS, SPACE)
    return tmp_path / "arrays" / "user_vector.npy"


def refused(path: Path, dims: dict[str, int] = DIMS, space: str = SPACE) -> str:
    with pytest.raises(ReleaseError) as raised:
        open_array(path.parent.parent, "user_vector", dims, space)
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_another_space_is_refused(path: Path) -> None:
    message = refused(path, space="f" * 16)
    assert SPACE in message
    assert "f" * 16 in message
    assert "never mixed" in message


def test_a_file_without_a_space_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-FOOTER_BYTES] + bytes(FOOTER_BYTES))
    assert "without a space" in refused(path)


def test_another_shape_is_refused(path: Path) -> None:
    message = refused(path, dims=DIMS | {"U": 4})
    assert "(3, 4)" in message
    assert "(4, 4)" in message


@pytest.mark.parametrize("dtype", ["float64", "int32", ">f4"])
def test_another_dtype_is_refused(path: Path, dtype: str) -> None:
    np.save(path, np.ones((3, 4), dtype))
    assert "float32" in refused(path)


def test_fortran_order_is_refused(path: Path) -> None:
    np.save(path, np.asfortranarray(np.ones((3, 4), np.float32)))
    assert "Fortran" in refused(path)


@pytest.mark.parametrize("left", [0, 5, 100, 140, -1])
def test_a_truncated_file_is_refused(path: Path, left: int) -> None:
    path.write_bytes(path.read_bytes()[:left])
    refused(path)


def test_another_file_is_refused(path: Path) -> None:
    path.write_bytes(b"something else entirely" * 20)
    assert "not that of an .npy file" in refused(path)


def test_a_longer_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    assert "209 bytes found, 208 expected" in refused(path)
