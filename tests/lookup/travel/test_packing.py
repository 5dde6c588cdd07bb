"""Blocks and patches: what is unpacked is what was packed, and nothing larger than was asked for is ever made."""

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import StoreError
from lookup.travel.packing import packed, patch, patched, unpacked

PARTS = st.lists(st.binary(max_size=300), max_size=8)


@given(PARTS, PARTS, PARTS)
def test_a_patch_makes_the_block_of_its_base(first: list[bytes], shared: list[bytes], last: list[bytes]) -> None:
    base, raw = b"".join(first + shared), b"".join(shared + last)
    assert unpacked(packed(raw), len(raw)) == raw
    assert patched(base, patch(base, raw), len(raw)) == raw


def test_lists_of_which_one_in_twenty_differs_make_a_patch_of_a_twentieth() -> None:
    rng = np.random.default_rng(1)
    old = rng.normal(size=(2500, 100)).astype(np.float32)
    new = old.copy()
    new[rng.choice(2500, 125, replace=False)] = rng.normal(size=(125, 100))
    raw = new.tobytes()
    assert len(packed(raw)) > 0.9 * len(raw)
    assert len(patch(old.tobytes(), raw)) < 0.06 * len(raw)


@pytest.mark.parametrize("size", [0, 99, 101, 1 << 30])
def test_another_size_than_expected_is_refused(size: int) -> None:
    data = packed(bytes(100))
    with pytest.raises(StoreError):
        unpacked(data, size)


def test_what_is_no_frame_or_does_not_say_its_size_is_refused() -> None:
    without = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100))
    for data in (b"", b"\x28\xb5\x2f\xfd", b"x" * 100, without):
        with pytest.raises(StoreError):
            unpacked(data, 100)
