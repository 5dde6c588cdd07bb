"""The logistic regression beside scikit-learn's, and a mix that learns whose users repeat."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from jobs.models.repertoire import logistic
from jobs.models.repertoire.mixture import LEAST, Mixture, fit, new_features


def test_the_weights_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, 3)) * [1.0, 5.0, 0.1] + [0.0, 3.0, 1.0]
    wanted = rng.random(4000) < 1 / (1 + np.exp(-(x @ [1.0, -0.3, 4.0] - 3.0)))
    found = logistic.fit(x, wanted)
    other = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit((x - x.mean(0)) / x.std(0), wanted)
    assert np.allclose(found[1:], other.coef_[0] / x.std(0), rtol=1e-3)
    assert abs(found[0] - (other.intercept_[0] - other.coef_[0] / x.std(0) @ x.mean(0))) < 1e-2


def test_a_constant_feature_and_separable_classes_have_finite_weights():
    x = np.stack([np.ones(50), np.linspace(-1, 1, 50)], axis=1)
    found = logistic.fit(x, x[:, 1] > 0)
    assert found[1] == 0
    assert np.isfinite(found).all()
    assert found[2] > 1
    assert np.isfinite(logistic.fit(x, np.zeros(50, dtype=np.bool_))).all()


def test_odds_of_a_block_are_those_of_its_features():
    rng = np.random.default_rng(2)
    mixed = Mixture(np.zeros(1), rng.normal(size=6), shift=0.3)
    scores, users = rng.random((4, 7)).astype(np.float32), rng.normal(size=(4, 4))
    features = new_features(scores.ravel(), np.repeat(users, 7, axis=0))
    assert np.allclose(mixed.new_odds(scores, users).ravel(), mixed.odds(features), rtol=1e-4, atol=1e-4)
    assert np.isfinite(mixed.new_odds(np.zeros((4, 7), np.float32), users)).all()
    assert LEAST > 0


def test_users_who_repeat_more_get_more_repeats():
    rng = np.random.default_rng(4)
    loyal = rng.random(6000) < 0.5
    again = loyal[:, None].astype(float)
    new = np.concatenate([np.full((6000, 1), -5.0), again, np.zeros((6000, 3))], axis=1)
    mixed = fit(again, rng.random(6000) < 0.1 + 0.3 * loyal, new, rng.random(6000) < 0.2 - 0.1 * loyal)
    odds = mixed.again_odds(np.asarray([[0.0], [1.0]])) - mixed.odds(new[[np.argmin(loyal), np.argmax(loyal)]])
    assert odds[0] < 0 < odds[1]
