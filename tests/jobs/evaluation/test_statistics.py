"""The bootstrap, and the metrics of predictors."""

import numpy as np
import pytest

from jobs.errors import DataError
from jobs.evaluation.metrics import bootstrap
from jobs.evaluation.metrics.bootstrap import intervals
from jobs.evaluation.metrics.classification import Classification, calibrated, classify, roc


def test_intervals_cover_a_known_difference_as_often_as_they_say():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):
        low, high = intervals(rng.exponential(0.3, size=(80, 1)) - 0.1, resamples=400)
        covered += bool(low[0] <= 0.2 <= high[0])
    assert 178 <= covered <= 199  # 95 % of 200, give or take four deviations


def test_intervals_have_the_width_of_the_normal_approximation():
    values = np.random.default_rng(1).normal(1.0, 2.0, size=(5000, 2))
    low, high = intervals(values)
    spread = values.std(0) / np.sqrt(5000)
    assert (high - low) / (2 * 1.96 * spread) == pytest.approx([1, 1], rel=0.1)
    assert (high + low) / 2 == pytest.approx(values.mean(0), abs=0.01)


def test_the_same_seed_gives_the_same_interval_whatever_the_block(monkeypatch):
    values = np.random.default_rng(2).random((50, 3))
    whole = intervals(values, resamples=101)
    monkeypatch.setattr(bootstrap, "BLOCK", 700)
    assert np.allclose(intervals(values, resamples=101), whole, rtol=0, atol=1e-14)
    assert not np.allclose(intervals(values, resamples=101, seed=8), whole, rtol=0, atol=1e-6)


def test_no_difference_has_no_width():
    low, high = intervals(np.full((9, 1), 0.25))
    assert (low[0], high[0]) == (0.25, 0.25)


def test_a_predictor_worked_out_by_hand():
    labels = np.array([True, True, False, True, False, False])
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.3, 0.1])
    # Of 9 pairs the first two beat all, the third beats one, ties one and loses one: 7.5 / 9.
    assert classify(labels, scores) == Classification(
        auc=pytest.approx(7.5 / 9), precision=pytest.approx(2 / 3), recall=pytest.approx(2 / 3), f1=pytest.approx(2 / 3)
    )
    assert classify(labels, scores, threshold=2.0) == Classification(pytest.approx(7.5 / 9), 0.0, 0.0, 0.0)
    curve = roc(labels, scores)
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0.0, 0.0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1.0, 1.0)
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(7.5 / 9)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([True, True], [0.1, 0.2], "alike"),
        ([], [], "alike"),
        ([True, False], [0.1], "2 labels do not fit 1"),
        ([True, False], [0.1, np.nan], "score 1"),
    ],
)
def test_what_cannot_be_told_apart_is_an_error(labels, scores, message):
    with pytest.raises(DataError, match=message):
        classify(np.array(labels, dtype=bool), np.array(scores))


def test_calibration_is_judged_in_bins_of_equal_weight():
    """Of 20 bins the lower ten hold those of 0.1, of whom a fifth says yes, the others those of 0.5, of whom a half."""
    probabilities = np.repeat([0.1, 0.5], 1000)
    labels = np.concatenate([np.arange(1000) % 5 == 0, np.arange(1000) % 2 == 0])
    found = calibrated(labels, probabilities)
    assert found.error == pytest.approx((0.1 + 0.0) / 2, abs=1e-9)
    assert (found.predicted, found.observed) == pytest.approx((0.3, 0.35))
    # A yes of 500 in the second half, 200 in the first: higher with 0.5 * 800, equal in the same half.
    better = 500 * 800 + (200 * 800 + 500 * 500) / 2
    assert found.auc == pytest.approx(better / (700 * 1300))


def test_a_weight_counts_as_so_many():
    rng = np.random.default_rng(4)
    labels, probabilities, times = rng.random(300) < 0.3, rng.random(300), rng.integers(1, 5, 300)
    whole = calibrated(np.repeat(labels, times), np.repeat(probabilities, times))
    weighed = calibrated(labels, probabilities, times.astype(float))
    assert (weighed.auc, weighed.predicted, weighed.observed) == pytest.approx(
        (whole.auc, whole.predicted, whole.observed)
    )
    assert weighed.error == pytest.approx(whole.error, abs=0.03)  # one that stands for many is in one bin


def test_calibration_needs_yes_and_no():
    with pytest.raises(DataError, match="all of 3 labels are alike"):
        calibrated(np.ones(3, dtype=bool), np.full(3, 0.5))
