"""The file of a search index: what is written is read, by us and by others, and damage has one error."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from lookup.errors import ReleaseError
from lookup.search import index_file
from lookup.search.index import Facts

ARRAYS = {
    **{f"of {dtype}": np.arange(5).astype(dtype) for dtype in index_file.DTYPES.values()},
    "two axes": np.arange(6, dtype=np.int8).reshape(2, 3),
    "aslant": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "empty": np.zeros(0, np.int64),
    "empty too": np.zeros((0, 3), np.uint8),
    "größe": np.array([np.nan, -0.0, np.inf]),
}
METADATA = {"daybreak": '{"größe": "\\n"}', "": "x"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["I32", "F64", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "whole.safetensors"
    index_file.write(path, ARRAYS, METADATA)
    return path


def test_a_full_disk_is_told_with_the_file() -> None:
    with pytest.raises(OSError, match="space") as error:
        index_file.write(Path("/dev/full"), ARRAYS, METADATA)
    assert error.value.filename == "/dev/full"


def equal(found: dict[str, np.ndarray]) -> bool:
    return found.keys() == ARRAYS.keys() and all(
        one.dtype == ARRAYS[name].dtype and np.array_equal(one, ARRAYS[name], equal_nan=one.dtype.kind == "f")
        for name, one in found.items()
    )


def with_header(header: object, data: bytes = bytes(64)) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def read(path: Path, data: bytes) -> dict[str, np.ndarray]:
    path.write_bytes(data)
    arrays, metadata = index_file.read(path)
    assert all(isinstance(text, str) for text in metadata.values())
    for array in arrays.values():
        array.sum()  # every byte of it is within the file
    return arrays


def test_what_is_written_is_read(whole):
    arrays, metadata = index_file.read(whole)
    assert equal(arrays)
    assert metadata == METADATA
    for name, array in arrays.items():
        assert array.flags.aligned, name
        assert not array.flags.writeable, name


def test_the_package_safetensors_reads_it(whole):
    with safe_open(whole, framework="numpy") as file:
        assert equal({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 – it is no mapping
        assert file.metadata() == METADATA


def test_what_the_package_writes_is_read(tmp_path):
    save_file({name: np.ascontiguousarray(one) for name, one in ARRAYS.items()}, tmp_path / "theirs", METADATA)
    arrays, metadata = index_file.read(tmp_path / "theirs")
    assert equal(arrays)
    assert metadata == METADATA


def test_the_same_arrays_are_the_same_bytes(whole, tmp_path):
    index_file.write(tmp_path / "again", dict(reversed(ARRAYS.items())), METADATA)
    assert (tmp_path / "again").read_bytes() == whole.read_bytes()


def test_a_file_that_was_cut_off_is_refused(whole, tmp_path):
    data = whole.read_bytes()
    for end in (*range(0, 64), *range(64, len(data) - 1, 37), len(data) - 1):
        with pytest.raises(ReleaseError, match=r"/cut: (a header of|its header cannot be read)"):
            read(tmp_path / "cut", data[:end])


@pytest.mark.parametrize(
    "header",
    [
        [],
        7,
        None,
        {"a": None},
        {"a": {}},
        {"__metadata__": "x"},
        {"__metadata__": None},
        {"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}},
        {"a": {"dtype": "I32", "shape": [-1], "data_offsets": [0, -4]}},
        {"a": {"dtype": "I32", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "I32", "shape": [1], "data_offsets": [-4, 0]}},
        {"a": {"dtype": "I32", "shape": [1], "data_offsets": [64, 68]}},
        {"a": {"dtype": "U8", "shape": [float("inf")], "data_offsets": [0, 1]}},
        {"a": {"dtype": "U8", "shape": [2**62, 4], "data_offsets": [0, 2**64]}},
        {"a": {"dtype": "U8", "shape": [0], "data_offsets": [2**70, 2**70]}},
        {"a": {"dtype": "U8", "shape": [1] * 70, "data_offsets": [0, 1]}},
    ],
)
def test_a_header_that_cannot_be_is_refused(tmp_path, header):
    with pytest.raises(ReleaseError, match="/wrong: its header cannot be read"):
        read(tmp_path / "wrong", with_header(header))


@given(flips=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_flipped_bytes_of_the_header_end_in_one_error_or_in_arrays(whole, flips):
    data = bytearray(whole.read_bytes())
    header = 8 + int.from_bytes(data[:8], "little")
    for place, byte in flips:
        data[place % header] = byte
    try:
        read(whole.with_name("flipped"), bytes(data))
    except ReleaseError:
        return


@given(header=JSON)
@settings(max_examples=200, deadline=None)
def test_any_header_ends_in_one_error_or_in_arrays(whole, header):
    try:
        read(whole.with_name("any"), with_header(header))
    except ReleaseError:
        return


def test_a_header_is_not_read_beyond_its_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(index_file, "LONGEST_HEADER", 10)
    with pytest.raises(ReleaseError, match="a header of 12 bytes in a file of 84"):
        read(tmp_path / "long", with_header({"a": "bcd"}))


def test_facts_are_read_as_they_were_written():
    facts = Facts(("german", "english"), {"words": 2.5}, {"microsd": ("micro", "sd")}, 4)
    assert Facts.of({"daybreak": facts.text()}, Path("x")) == facts


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"languages": 3, "weights": {}, "compounds": {}, "probes": 1}']
)
def test_facts_that_cannot_be_read_name_the_file(text):
    metadata = {} if text is None else {"daybreak": text}
    with pytest.raises(ReleaseError, match="the/file: what it says of itself cannot be read"):
        Facts.of(metadata, Path("the/file"))
