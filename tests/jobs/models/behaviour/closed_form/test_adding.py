"""What a model gains in closed form, by the weights of the settings."""

import numpy as np
import pytest

from jobs.models.behaviour.closed_form import first_purchases, repeat_odds
from jobs.models.behaviour.closed_form.adding import joined
from jobs.models.behaviour.closed_form.histories import read_events
from jobs.models.behaviour.encoding import Repeats
from jobs.models.item_transitions import empty
from tests.jobs.models import made
from tests.jobs.models.behaviour.closed_form.test_first_purchases import shop

ZEROS = np.zeros(20, dtype=np.float32)
NOTHING = {"bias": ZEROS, "next_item": empty(20).items, "next_weight": empty(20).weights, "item_repeat": ZEROS}


def test_a_model_gains_first_purchases_by_their_weights(tmp_path):
    files = shop(tmp_path)
    first = first_purchases.fit(read_events(files, made.ROWS), 20, made.settings())
    found = joined(NOTHING, files, made.ROWS, made.settings(first=20.0, first_popular=30.0))
    np.testing.assert_allclose(found["bias"], 30.0 * first.popular, rtol=1e-5)
    assert found["item_repeat"] is ZEROS
    assert "repeat" not in found
    best = np.argmax(first.transitions.toarray()[0])
    assert (found["next_item"][0, 0], found["next_weight"][0, 0]) == (
        best,
        pytest.approx(20.0 * first.transitions.toarray()[0, best], rel=1e-5),
    )


def test_a_model_gains_the_odds_of_repeats(tmp_path):
    files, settings = shop(tmp_path), made.settings(odds=3.0, even=7.0)
    odds = repeat_odds.fit(read_events(files, made.ROWS), ZEROS, settings)
    found = joined(NOTHING, files, made.ROWS, settings)
    assert Repeats.found(found) == odds.repeats._replace(mix=list(odds.repeats.mix))
    assert found["item_repeat"].tolist() == odds.items.tolist()
    assert {name for name in NOTHING if found[name] is not NOTHING[name]} == {"item_repeat"}


@pytest.mark.parametrize("off", [{"odds": 0.0}, {"odds": 5.0, "repeat": 0.0}])
def test_a_model_stays_as_it_is_where_nothing_is_added(tmp_path, off):
    assert joined(NOTHING, shop(tmp_path), made.ROWS, made.settings(**off)) is NOTHING
