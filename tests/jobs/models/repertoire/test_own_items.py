"""What users have, beside a slow count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models.repertoire.own_items import LEAST, SHRINK, Habits, own_items

HALF_LIVES = (2.0, np.inf)
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9)), max_size=40)


def made(events: list[tuple[int, int, int]]):
    events = sorted(events, key=lambda one: (one[0], one[2]))
    offsets = np.concatenate([[0], np.cumsum(np.bincount([u for u, _, _ in events], minlength=4))]).astype(np.int64)
    items = np.asarray([i for _, i, _ in events], dtype=np.int32)
    days = np.asarray([d for _, _, d in events], dtype=np.float64)
    return own_items(offsets, items, days, np.full(4, 10.0), HALF_LIVES)


@given(EVENTS)
def test_each_number_is_what_counting_gives(events):
    own = made(events)
    assert own.offsets[-1] == len(own.items) == len({(u, i) for u, i, _ in events})
    for user in range(4):
        baskets = sorted({d for u, _, d in events if u == user})
        sizes = [len({i for u, i, d in events if (u, d) == (user, day)}) for day in baskets]
        assert own.baskets[user] == len(baskets)
        assert own.size[user] == pytest.approx(np.mean(sizes) if sizes else 0.0)
        assert own.later[user] == sum(sizes[1:])
        had: set[int] = set()
        repeats = 0
        for day in baskets:
            basket = {i for u, i, d in events if (u, d) == (user, day)}
            repeats += len(basket & had)
            had |= basket
        assert own.repeats[user] == repeats
        pairs = range(own.offsets[user], own.offsets[user + 1])
        assert [own.items[pair] for pair in pairs] == sorted(had)
        for pair in pairs:
            days = sorted({d for u, i, d in events if (u, i) == (user, own.items[pair])})
            assert own.age[pair] == 10 - days[-1]
            assert own.gaps[pair] == len(days) - 1
            assert own.log_gaps[pair] == pytest.approx(np.log(np.maximum(np.diff(days), LEAST)).sum())
            assert own.decayed[pair] == pytest.approx([sum(0.5 ** ((10 - d) / h) for d in days) for h in HALF_LIVES])


class TestHabits:
    # User 0 takes item 0 every second day, the last time on day 8; item 1 once, on day 0.
    OWN = made([(0, 0, 0), (0, 0, 2), (0, 0, 4), (0, 0, 6), (0, 0, 8), (0, 1, 0), (1, 1, 0), (1, 2, 3)])

    def test_an_item_that_is_taken_again_is_likelier_to_be(self):
        habits = Habits.of(self.OWN, 3)
        assert habits.again[0] > habits.again[2] > habits.again[1]

    def test_an_item_is_due_after_its_interval(self):
        habits = Habits.of(self.OWN, 3)
        expected = (4 * np.log(2) + SHRINK * np.log(2)) / (4 + SHRINK)
        assert habits.interval[0] == pytest.approx(expected)
        assert habits.due(self.OWN)[0] == pytest.approx(0.0)  # 2 days after the last time
        assert habits.due(self.OWN)[1] == pytest.approx(np.log(10 / 2))

    def test_a_user_who_repeats_has_a_higher_share(self):
        one, other, *_ = Habits.of(self.OWN, 3).user_share(self.OWN)
        assert one > other

    def test_a_shop_without_events_has_habits_too(self):
        nothing = made([])
        habits = Habits.of(nothing, 3)
        assert np.isfinite(habits.again).all()
        assert np.isfinite(habits.user_share(nothing)).all()
