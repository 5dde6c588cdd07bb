"""Logistic regression with constants of groups."""

import numpy as np
import pytest

from jobs.models.repertoire import logistic

RNG = np.random.default_rng(5)
GROUPS = RNG.integers(0, 40, 60_000)
OWN = RNG.normal(0.0, 0.5, 40)
FEATURES = RNG.normal(size=(len(GROUPS), 2))
WANTED = RNG.random(len(GROUPS)) < 1.0 / (1.0 + np.exp(2.0 - FEATURES @ [1.0, -0.5] - OWN[GROUPS]))


def test_constants_of_groups_are_found_beside_the_weights():
    weights, offsets = logistic.fit_groups(FEATURES, WANTED, GROUPS, 41, 0.25)
    assert weights == pytest.approx([-2.0 + OWN.mean(), 1.0, -0.5], abs=0.1)
    assert np.corrcoef(offsets[:40], OWN)[0, 1] > 0.97
    assert offsets[40] == 0.0


def test_groups_of_little_variance_are_those_of_a_plain_fit():
    weights, offsets = logistic.fit_groups(FEATURES, WANTED, GROUPS, 40, 1e-9)
    assert weights == pytest.approx(logistic.fit(FEATURES, WANTED), abs=1e-3)
    assert abs(offsets).max() < 1e-3


@pytest.mark.parametrize("wanted", [np.zeros(len(GROUPS), bool), np.ones(len(GROUPS), bool)])
def test_where_all_is_wanted_or_nothing_the_constants_stay_finite(wanted):
    weights, offsets = logistic.fit_groups(FEATURES, wanted, GROUPS, 40, 0.1)
    assert np.isfinite(weights).all()
    assert np.isfinite(offsets).all()


def test_features_that_say_nothing_get_nothing():
    weights, _ = logistic.fit_groups(np.zeros((len(GROUPS), 1)), WANTED, GROUPS, 40, 0.1)
    assert weights[1] == 0.0
