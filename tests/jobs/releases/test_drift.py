"""The like of a block in an older file is found, however far the rows have moved."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.releases.remote.drift import MARGIN, Drift
from lookup.travel.index import MOST_BASE_BYTES

BLOCK = 1 << 16


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(-300, 300))
def test_rows_that_come_and_go_are_followed(seed: int, rows: int) -> None:
    """Every base holds the rows of its block that are in the older file, though all move by more and more."""
    rng = np.random.default_rng(seed)
    old = rng.integers(0, 256, (8000, 100), dtype=np.uint8)
    places = np.sort(rng.choice(8000, abs(rows), replace=False))
    made = rng.integers(0, 256, (abs(rows), 100), dtype=np.uint8)
    new = np.delete(old, places, axis=0) if rows < 0 else np.insert(old, places, made, axis=0)
    older, raw = old.tobytes(), new.tobytes()
    drift = Drift(older)
    known = {row.tobytes() for row in old}
    for start in range(0, len(raw), BLOCK):
        block = raw[start : start + BLOCK]
        place = drift.base(start, block)
        assert place is not None
        assert 0 < place[1] <= MOST_BASE_BYTES
        base = older[place[0] : place[0] + place[1]]
        first = -(-start // 100)
        whole = [new[n].tobytes() for n in range(first, (start + len(block)) // 100)]
        assert all(row in base for row in whole if row in known)


def test_a_part_that_was_put_in_is_no_reason_to_get_lost() -> None:
    rng = np.random.default_rng(1)
    older = rng.bytes(40 * BLOCK)
    put_in = rng.bytes(30 * BLOCK)
    newer = older[: 5 * BLOCK] + put_in + older[5 * BLOCK :]
    drift = Drift(older)
    places = {start: drift.base(start, newer[start : start + BLOCK]) for start in range(0, len(newer), BLOCK)}
    for start in range(44 * BLOCK, len(newer), BLOCK):
        offset, size = places[start] or (0, 0)
        assert newer[start : start + BLOCK] in older[offset : offset + size]
        assert size <= BLOCK + 2 * MARGIN


def test_a_file_of_nothing_but_one_byte_has_a_base() -> None:
    assert Drift(bytes(1000)).base(0, bytes(1000)) is not None
    assert Drift(b"12").base(0, b"12") is None
