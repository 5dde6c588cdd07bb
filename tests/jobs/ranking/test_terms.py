"""Score terms: the night adds for many users at once what lookup adds for one."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranking.terms import HistoryBatch, ItemTransitions, terms
from lookup import UserEncoder
from lookup.scoring.score_parameters import HistoryShares, ScoreParameters, TransitionRows
from tests.jobs.small_run import follow_some

ITEMS = 12
SHARES = st.floats(0, 2, width=32)


def transitions(seed: int) -> ItemTransitions:
    return ItemTransitions(*follow_some(ITEMS, seed).values())


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, ITEMS - 1), SHARES, SHARES), max_size=7), max_size=5),
    st.integers(0, 100),
    st.sampled_from([0.0, 20.0, 0.5]),
    st.tuples(*[st.sampled_from([1.0, 0.2, 0.0])] * 2),
)
def test_the_night_adds_what_the_day_adds(histories, seed, repeat, kept):
    """Histories in any order, with items that come again, of users with and without any."""
    arrays = transitions(seed)
    parameters = ScoreParameters(UserEncoder((1.0,), (), ()), (1.0,), 0.0, (1.0,), repeat, *kept)
    rng = np.random.default_rng(seed)
    people, items = (rng.normal(size=(n, 5)).astype(np.float32) for n in (len(histories), ITEMS))
    events = [event for own in histories for event in own]
    rows = np.asarray([item for item, _, _ in events], dtype=np.int32)
    shares, repeats = (np.asarray([event[n] for event in events], dtype=np.float32) for n in (1, 2))
    history = HistoryBatch(np.cumsum([0, *map(len, histories)]), rows, shares, repeats)
    before = {name: array.copy() for name, array in vars(history).items()}
    for array in vars(history).values():
        array.flags.writeable = False  # as columns of Arrow are
    found = terms(history, arrays, parameters, people, items)
    for name, array in vars(history).items():
        np.testing.assert_array_equal(array, before[name])
    assert (len(found.offsets), found.values.dtype) == (len(histories) + 1, np.float32)
    for user in range(len(histories)):
        own = slice(history.offsets[user], history.offsets[user + 1])
        one = HistoryShares(rows[own], shares[own], repeats[own])
        next_rows = TransitionRows(*(array[rows[own]] for array in vars(arrays).values()))
        changed, added = parameters.item_terms(one, next_rows, items[rows[own]] @ people[user])
        expected = np.zeros(ITEMS)
        expected[changed] = added
        part = slice(found.offsets[user], found.offsets[user + 1])
        assert len(set(found.items[part])) == part.stop - part.start
        night = np.zeros(ITEMS)
        night[found.items[part]] = found.values[part]
        np.testing.assert_allclose(night, expected, atol=1e-5)


def test_columns_of_a_part_of_a_table_are_read():
    """Lists may begin in the middle of their values, as in a filtered or sliced batch."""
    items, shares, repeats = [[3, 5], [1], [], [2, 4]], [[0.5, 1.5], [1.0], [], [0.25, 2.0]], [[9, 8], [7], [], [6, 5]]
    kinds = zip((items, shares, repeats), (pa.int32(), pa.float32(), pa.float32()), strict=True)
    whole = [pa.array(column, pa.list_(kind)) for column, kind in kinds]
    history = HistoryBatch.of(*(column.slice(1, 3) for column in whole))
    assert history.offsets.tolist() == [0, 1, 1, 3]
    assert (history.items.tolist(), history.shares.tolist(), history.repeats.tolist()) == (
        [1, 2, 4],
        [1, 0.25, 2],
        [7, 6, 5],
    )
    parameters = ScoreParameters(UserEncoder((1.0,), (), ()), (1.0,), 0.0, (1.0,), 0.5, 0.25)
    rng = np.random.default_rng(2)
    people, vectors = (rng.normal(size=(n, 5)).astype(np.float32) for n in (4, ITEMS))
    part = terms(history, transitions(1), parameters, people[1:], vectors)
    full = terms(HistoryBatch.of(*whole), transitions(1), parameters, people, vectors)
    start = full.offsets[1]
    np.testing.assert_array_equal(part.offsets, full.offsets[1:] - start)
    # The order of items within a user is open.
    for a, b in zip(part.offsets, part.offsets[1:], strict=False):
        one = dict(zip(part.items[a:b], part.values[a:b], strict=True))
        assert one == dict(zip(full.items[start + a : start + b], full.values[start + a : start + b], strict=True))
