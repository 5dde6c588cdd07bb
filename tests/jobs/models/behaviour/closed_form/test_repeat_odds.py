"""The odds that people take an item again."""

import numpy as np
import pytest

from jobs.models.behaviour.closed_form import repeat_odds
from jobs.models.behaviour.closed_form.histories import faded, read_events
from jobs.models.behaviour.encoding import Repeats, score_parameters, transition_parameters
from lookup.scoring.score_parameters import HistoryShares, ScoreParameters, TransitionRows
from tests.jobs.models import made

EVERY = {3: 7, 4: 28, 5: 400}
"""People take the items at these intervals, in days; 5 is taken once."""


def shop(folder, users: int = 90):
    """Users who begin on different days, and take something every week."""
    people = []
    for user in range(users):
        days = {(9, day) for day in range(user % 7, 168, 7)}
        days |= {(item, day) for item, step in EVERY.items() for day in range((user * 5) % 28, 168, step)}
        people.append([(item, day, 1.0) for day, item in sorted((day, item) for item, day in days)])
    return read_events([made.write(folder / "0.parquet", people)], made.ROWS)


def test_they_rise_with_how_often_a_user_and_all_users_take_an_item(tmp_path):
    found = repeat_odds.fit(shop(tmp_path), np.zeros(20, dtype=np.float32), made.settings(odds=2.0, even=5.0))
    assert found.items.dtype == np.float32
    assert found.repeats.weight > 0
    assert found.items[3] == pytest.approx(found.items[4], abs=0.2)  # all took both a second time
    assert found.items[5] < found.items[4] - 1


def test_they_are_the_odds_of_the_windows(tmp_path):
    events = shop(tmp_path)
    pairs = repeat_odds._windows(events, 20, made.settings(), [Repeats.of(made.settings())])
    taken = {item: pairs.taken[pairs.items == item].mean() for item in (3, 4, 5, 9)}
    assert taken == {3: 1.0, 4: pytest.approx(0.5, abs=0.05), 5: 0.0, 9: 1.0}
    assert len(pairs.taken) == repeat_odds.WINDOWS * 90 * 4
    assert len(np.unique(pairs.users)) == repeat_odds.WINDOWS * 90


def test_what_the_network_says_counts_less_of_an_item_that_it_has_seldom_seen():
    network, events = np.array([5.0, 1.0, 1.0, 5.0, 9.0], dtype=np.float32), np.array([20, 900, 900, 60, 0])
    found = repeat_odds._shrunk(network, events)
    assert found == pytest.approx([1.0, -2.0 * 900 / 920, -2.0 * 900 / 920, 1.5, 0.0])
    assert repeat_odds._shrunk(network, np.zeros(5, dtype=np.int64)).tolist() == [0.0] * 5


def lately(user: int) -> set[tuple[int, int]]:
    """Each week the user takes one item, the same one for six weeks; then it is another."""
    return {((user + day // 42) % 15, day) for day in range(user % 7, 252, 7)}


def always(user: int) -> set[tuple[int, int]]:
    """Each week the user takes one of twelve items, some of them much more often than others."""
    items = np.random.default_rng(user).choice(12, 36, p=0.7 ** np.arange(12) / (0.7 ** np.arange(12)).sum())
    return {(int(user + item) % 15, 7 * week + user % 7) for week, item in enumerate(items)}


@pytest.mark.parametrize(("habit", "kind"), [(lately, repeat_odds.RECENT), (always, repeat_odds.STEADY)])
def test_the_windows_say_which_kind_a_shop_is(tmp_path, habit, kind, capsys):
    people = [[(item, day, 1.0) for day, item in sorted((d, i) for i, d in habit(user))] for user in range(120)]
    events = read_events([made.write(tmp_path / "0.parquet", people)], made.ROWS)
    settings = made.settings(half_lives=[7.0, 0.0], fading=[1.0, 0.0])
    found = repeat_odds.fit(events, np.zeros(20, dtype=np.float32), settings)
    assert f"kind={kind}" in capsys.readouterr().out
    assert found.repeats.mix == ((1.0, 0.0) if kind == repeat_odds.RECENT else (1.0, 1.0))


def test_histories_are_weighed_as_scores_weigh_them(tmp_path):
    """The night counts a history for many users at once; the day, for one."""
    settings, events = made.settings(), shop(tmp_path, users=3)
    counts = faded(events, settings, settings.fading)
    parameters: ScoreParameters = transition_parameters(settings)
    for user in range(3):
        own = events.users == user
        ages, weights = events.ends[user] - events.days[own], events.weights[own]
        np.testing.assert_allclose(counts[own], parameters.transition_shares(ages, weights), rtol=1e-6)


def test_pairs_are_counted_as_the_day_counts_them(tmp_path):
    """The windows count what many users had; a call, what one has."""
    settings, events = made.settings(), shop(tmp_path, users=3)
    repeats = Repeats(1.0, (0.25, 1.0), 0.5)
    pairs = repeat_odds._windows(events, 20, settings, [repeats])
    day = score_parameters(settings, [8], [[0.5, 0.5]], [], repeats)
    begin = events.ends[0] - repeat_odds.WINDOW
    for user in range(3):
        own = (events.users == user) & (events.days < begin)
        shares = day.repeat_shares(begin - events.days[own], events.weights[own])
        items, last = events.items[own], pairs.users == user  # of the window with the number 0
        expected = [shares[items == item].sum() for item in pairs.items[last]]
        np.testing.assert_allclose(pairs.counts[last, 0], expected, rtol=1e-6)
        np.testing.assert_allclose(pairs.features(0)[last, 0], np.log1p(expected), rtol=1e-6)


@pytest.mark.parametrize("users", [0, 1])
def test_few_repeats_teach_nothing(tmp_path, users):
    settings = made.settings(odds=2.0, even=9.0)
    found = repeat_odds.fit(shop(tmp_path, users), np.ones(20, dtype=np.float32), settings)
    constant, count, again = repeat_odds.USUAL
    assert found.repeats == Repeats(2.0 * count, tuple(settings.fading))
    assert np.isfinite(found.items).all()
    if not users:
        assert found.items == pytest.approx(np.full(20, 9.0 + 2.0 * constant), abs=1e-6)
    else:
        assert found.items[3] - found.items[0] > 0 < again


def test_only_the_first_events_are_read_of_a_large_shop(tmp_path, monkeypatch):
    events = shop(tmp_path)
    most = int(events.offsets[4])
    monkeypatch.setattr(repeat_odds, "MOST_EVENTS", most)
    some = repeat_odds._first(events)
    assert (len(some.ends), len(some.items), len(some.days), len(some.weights)) == (4, most, most, most)
    monkeypatch.setattr(repeat_odds, "MOST_EVENTS", 1)
    assert len(repeat_odds._first(events).ends) == 1


def test_a_weight_that_is_no_number_is_told(tmp_path):
    file = made.write(tmp_path / "0.parquet", [[(3, 1, 1.0), (3, 9, float("nan"))]])
    with pytest.raises(ArithmeticError, match="a weight of an event is not finite"):
        repeat_odds.fit(read_events([file], made.ROWS), np.zeros(20, dtype=np.float32), made.settings())


def test_the_day_scores_them_as_the_night_learned_them():
    """An item of the history has the score that its odds give, whatever its vector and transitions say."""
    parameters = transition_parameters(made.settings())
    day = ScoreParameters(parameters.encoder, (0.5, 0.5), 0.0, (0.5, 0.5), 13.0, kept_share=0.0, kept_next=0.0)
    rows = np.array([2, 2], dtype=np.int32)
    history = HistoryShares(rows, np.ones(2, np.float32), np.array([0.5, 0.25], dtype=np.float32))
    transitions = TransitionRows(np.full((2, 1), 2, np.int32), np.ones((2, 1), np.float32), np.full(2, 4.0, np.float32))
    scores = np.array([100.0, 100.0], dtype=np.float32)
    items, added = day.item_terms(history, transitions, scores)
    assert items.tolist() == [2]
    assert scores[0] + added[0] == pytest.approx(13.0 * np.log1p(0.75) + 4.0, rel=1e-6)
