"""The features of the ranker: what stands where, and what is unknown."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookup.scoring import features

KNOWN = {
    "score": 1.5,
    "price": 3.0,
    "usual_price": 4.0,
    "in_stock": 1.0,
    "popularity": 7.0,
    "days_since": 0.0,
    "times": 2.0,
    "hour": 6.0,
    "weekday": 0.0,
}


def one(**changed: float) -> dict[str, float]:
    """One row of the matrix, by name."""
    (row,) = features.matrix(**{**KNOWN, **changed})
    return dict(zip(features.NAMES, row.tolist(), strict=True))


def test_what_is_known_stands_as_numbers():
    expected = {
        "score": 1.5,
        "price_log": np.log(3),
        "price_unknown": 0,
        "price_change": np.log(0.75),
        "price_cut": 0.25,
        "sold_out": 0,
        "popularity_log": np.log(8),
        "never_had": 0,
        "days_since_log": 0,
        "times_log": np.log(3),
        "hour_sin": 1,
        "hour_cos": 0,
        "weekday_sin": 0,
        "weekday_cos": 1,
    }
    found = one()
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-6)


def test_what_is_unknown_has_its_own_encoding():
    nan = float("nan")
    no_price = one(price=nan)
    assert [no_price[name] for name in ("price_log", "price_unknown", "price_change", "price_cut")] == [0, 1, 0, 0]
    no_usual = one(usual_price=nan)
    assert [no_usual[name] for name in ("price_unknown", "price_change", "price_cut")] == [0, 0, 0]
    assert no_usual["price_log"] == np.float32(np.log(3))
    never = one(days_since=nan, times=0.0)
    assert [never[name] for name in ("never_had", "days_since_log", "times_log")] == [1, 0, 0]
    assert one(in_stock=nan)["sold_out"] == 0
    assert one(in_stock=0.0)["sold_out"] == 1
    assert one(popularity=nan)["popularity_log"] == 0


def test_a_dearer_price_is_no_cut_and_changes_are_bounded():
    assert one(price=8.0)["price_cut"] == 0
    assert one(price=8.0)["price_change"] == np.float32(np.log(2))
    assert one(price=0.0)["price_change"] == -features.MOST_CHANGE
    assert one(price=1e9)["price_change"] == features.MOST_CHANGE


def test_one_number_stands_for_all():
    rows = features.matrix(**{**KNOWN, "score": np.arange(3.0)})
    assert rows.shape == (3, len(features.NAMES))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[:, 1:], np.tile(rows[0, 1:], (3, 1)))


numbers = st.one_of(st.just(float("nan")), st.floats(0, 1e12))


@given(st.fixed_dictionaries({**dict.fromkeys(KNOWN, numbers), "hour": st.floats(0, 24), "weekday": st.floats(0, 6)}))
def test_every_feature_is_a_finite_number(values):
    values["score"] = np.nan_to_num(values["score"])
    assert np.isfinite(features.matrix(**values)).all()


events = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20), st.sampled_from([0.5, 1.0])), max_size=20)


@given(events, st.permutations(range(10)), st.integers(0, 10), st.integers(10, 25))
def test_what_was_bought_is_counted_event_by_event(history, order, wanted, today):
    candidates = np.array(order[:wanted], dtype=np.int32)
    items, days, weights = (np.array([event[part] for event in history]) for part in range(3))
    found = features.bought(items.astype(np.int32), days.astype(np.int32), weights, candidates, today)
    for place, item in enumerate(candidates):
        mine = [(day, weight) for other, day, weight in history if other == item]
        assert found.times[place] == sum(weight for _, weight in mine)
        if mine:
            assert found.days_since[place] == max(today - max(day for day, _ in mine), 0)
        else:
            assert np.isnan(found.days_since[place])
