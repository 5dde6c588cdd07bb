"""First purchases: what people take who did not have it before."""

import numpy as np
import pytest

from jobs.models.behaviour.closed_form import first_purchases
from jobs.models.behaviour.closed_form.histories import read_events
from jobs.models.behaviour.encoding import transition_parameters
from lookup.scoring.score_parameters import ScoreParameters
from tests.jobs.models import made

AFTER = {0: 1, 2: 3}
"""Who has the one item takes the other later, and both again and again."""


def shop(folder, users: int = 60):
    """Half of the users have 0, then 1; half have 2, then 3; all take 9 again and again, and had it from the start."""
    people = []
    for user in range(users):
        item = 2 * (user % 2)
        begin = 20 + user % 60
        days = [(9, day, 1.0) for day in range(0, 84, 7)] + [(item, day, 1.0) for day in range(0, begin, 7)]
        people.append(sorted([*days, (AFTER[item], begin, 1.0), (AFTER[item], begin + 2, 1.0)], key=lambda one: one[1]))
    return [made.write(folder / "0.parquet", people)]


def test_transitions_lead_from_what_people_have_to_what_they_take_for_the_first_time(tmp_path):
    found = first_purchases.fit(read_events(shop(tmp_path), made.ROWS), 20, made.settings())
    matrix = found.transitions.toarray()
    assert (matrix.dtype, matrix.shape, found.popular.shape) == (np.float32, (20, 20), (20,))
    assert found.popular.mean() == pytest.approx(1.0)  # of no more items than TOP
    # All had 9 long before the half-life of popularity, so 1 and 3 are new to more people now.
    assert set(np.argsort(-found.popular)[:2].tolist()) == {1, 3}
    for item, later in AFTER.items():
        assert matrix[item, later] > matrix[item, AFTER[2 - item]]
    assert (matrix >= 0).all()


def test_histories_are_weighed_as_scores_weigh_them(tmp_path):
    """The night counts a history for many users at once; the day, for one."""
    settings = made.settings(follow_power=0.5)
    events = read_events(shop(tmp_path, users=2), made.ROWS)
    together = first_purchases._shares(events, 20, settings).toarray()
    parameters: ScoreParameters = transition_parameters(settings)
    for user in range(2):
        own = events.users == user
        shares = parameters.transition_shares(events.ends[user] - events.days[own], events.weights[own])
        np.testing.assert_allclose(together[user], np.bincount(events.items[own], shares, minlength=20), rtol=1e-5)


@pytest.mark.parametrize("events", [[], [[(3, 5, 1.0)]], [[(3, 5, 1.0), (3, 6, 1.0)], [(4, 5, 1.0), (4, 6, 1.0)]]])
def test_a_shop_with_hardly_an_event_has_numbers_too(tmp_path, events):
    file = made.write(tmp_path / "0.parquet", events)
    found = first_purchases.fit(read_events([file], made.ROWS), 20, made.settings())
    assert np.isfinite(found.popular).all()
    assert found.transitions.nnz == 0
