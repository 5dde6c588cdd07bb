"""Weights that are learned from lists: what they find, and that they fall back to the prior."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from jobs.models.query_ranker.learn import L2, GradedList, Lists, learn_weights, learn_well
from jobs.models.query_ranker.posterior import Posterior
from jobs.models.query_ranker.worth import JudgedList, worth

PRIOR = np.array([1.0, 1.0, 0.0])


def lists(n, seed=0, items=40):
    """Lists whose gains follow the second feature alone; the third one says nothing."""
    random = np.random.default_rng(seed)
    for _ in range(n):
        features = random.random((items, 3)).astype(np.float32)
        yield features, np.round(3 * features[:, 1]).astype(np.float64)


def judged(features, gains):
    every = np.ones(len(gains), bool)
    return JudgedList(features, gains, gains >= 2, every, every)


def test_the_gradient_is_that_of_the_loss():
    together = Lists.of([GradedList(*one) for one in lists(3)])
    at = np.array([0.3, -0.2, 0.5])
    assert check_grad(lambda w: together.loss(w)[0], lambda w: together.loss(w)[1], at) < 1e-5


def test_lists_move_the_weights_from_the_prior():
    found = learn_weights([GradedList(*one) for one in lists(20)], PRIOR, l2=0.001)
    assert found[1] > 3 * abs(found[0])
    assert abs(found[2]) < 0.1 * found[1]


def test_a_dear_way_keeps_the_ratios_of_the_prior():
    found = learn_weights([GradedList(*one) for one in lists(20)], PRIOR, l2=1e6)
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.parametrize("gains", [[], [np.zeros(3)]])
def test_lists_that_teach_nothing(gains):
    graded = [GradedList(np.eye(3, dtype=np.float32), one) for one in gains]
    assert learn_weights(graded, PRIOR, l2=0.1).tolist() == PRIOR.tolist()


def test_a_constant_feature_is_not_learned():
    graded = [GradedList(features * [1, 1, 0], gains) for features, gains in lists(5)]
    assert learn_weights(graded, PRIOR, l2=0.01)[2] == 0


def test_worth_by_hand():
    features = np.array([[1.0], [0.5], [0.0]], np.float32)
    one = JudgedList(
        features,
        np.array([0.0, 1.0, 3.0]),
        np.array([False, False, True]),
        np.array([False, True, True]),
        np.array([True, True, False]),
    )
    found = worth([one], np.array([[1.0], [-1.0]], np.float32))[:, 0]
    ideal = 3 + 1 / np.log2(3)
    forwards = (1 + 3 / np.log2(3)) / ideal + (1 / np.log2(3)) / ideal
    backwards = 1 + 1 / ideal
    np.testing.assert_allclose(found, [forwards, backwards])


def test_the_posterior_follows_what_does_well():
    posterior = Posterior([judged(*one) for one in lists(12)], PRIOR, np.ones(3, bool))
    found = posterior.mean()
    assert found[1] > 1.5 * found[0]
    fresh = [judged(*one) for one in lists(12, seed=1)]
    before, after = worth(fresh, np.array([PRIOR, found], np.float32)).mean(axis=1)
    assert after > before


def test_some_lists_alone():
    """What is left out has no say."""
    some = [judged(*one) for one in lists(6)]
    against = [judged(features, 3 - gains) for features, gains in lists(6, seed=2)]
    posterior = Posterior([*some, *against], PRIOR, np.zeros(3, bool))
    alone = Posterior([*some, *some], PRIOR, np.zeros(3, bool))
    first = np.arange(6)
    assert posterior.mean(first)[1] > posterior.mean()[1]
    assert posterior.mean(first)[1] / posterior.mean(first)[0] == pytest.approx(
        alone.mean(first)[1] / alone.mean(first)[0], rel=0.05
    )


def test_without_anything_to_learn_the_prior_stays():
    constant = [judged(np.ones((5, 3), np.float32), np.arange(5.0))]
    assert Posterior(constant, PRIOR, np.ones(3, bool)).mean().tolist() == PRIOR.tolist()


def test_lists_that_agree_are_followed():
    found, l2 = learn_well([GradedList(*one) for one in lists(20)], PRIOR)
    assert l2 < 1
    assert found[1] > 3 * abs(found[0])


def test_lists_that_say_nothing_leave_the_prior():
    random = np.random.default_rng(0)
    noise = [GradedList(features, random.integers(0, 2, len(features)).astype(float)) for features, _ in lists(20)]
    found, l2 = learn_well(noise, PRIOR)
    assert l2 == L2[-1]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.parametrize("few", [0, 1])
def test_so_few_lists_that_nothing_can_be_left_out(few):
    found, l2 = learn_well([GradedList(*one) for one in lists(few)], PRIOR)
    assert l2 == L2[-1]
    assert found[0] == pytest.approx(found[1], rel=1e-3)
