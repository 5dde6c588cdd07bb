"""The ranker learns what made data say, where the truth is known."""

import numpy as np
import pytest

from jobs.evaluation.ranker_metrics import measure
from jobs.models.ranker.learn import choose, fit, loss
from jobs.models.ranker.samples import RankerSample
from lookup.scoring import features
from lookup.scoring.ranker import Ranker

N = 40_000
FEW = 8_000


def matrix(n: int, **known: np.ndarray) -> np.ndarray:
    """Features that are the same everywhere but for those given."""
    same = {"score": 0.0, "price": 4.0, "usual_price": 4.0, "in_stock": 1.0, "popularity": 3.0}
    same |= {"days_since": np.nan, "times": 0.0, "hour": 12.0, "weekday": 2.0}
    return features.matrix(**{**same, "score": np.zeros(n), **known})


def sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def odds(p: np.ndarray) -> np.ndarray:
    return p / (1 - p)


def made(seed: int, bend: float = 0.0, n: int = FEW) -> RankerSample:
    """RankerSample of a shop where half the price triples the odds of buying after a click, and does nothing to clicks.

    bend: how much the odds of buying also fall the further a score is from 0, which no linear model can say.
    """
    rng = np.random.default_rng(seed)
    score, usual = rng.normal(size=n), rng.lognormal(1.0, 0.7, n)
    cut = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0, 0.5, n))
    click = rng.random(n) < sigmoid(-1.0 + 0.5 * score)
    bought = click & (rng.random(n) < sigmoid(-2.0 + 0.8 * score + np.log(3.0) * cut / 0.5 - bend * score**2))
    found = matrix(n, score=score, price=usual * (1 - cut), usual_price=usual)
    return RankerSample(found, click, bought, np.ones(n, dtype=np.float32), rng.integers(0, 500, n))


def test_a_case_worked_out_by_hand():
    """Of 3,000 impressions at each price 1,200 are clicked; at 4.00 one click in five buys, at 3.00 one in three.

    So a conversion has the probability 0.4 / 5 = 0.08 at 4.00, and 0.4 / 3 = 0.1333 at 3.00.
    """
    clicked, converted = np.zeros((2, 3000), dtype=bool), np.zeros((2, 3000), dtype=bool)
    clicked[:, :1200] = True
    converted[0, :240] = converted[1, :400] = True
    seen = matrix(6000, price=np.repeat([4.0, 3.0], 3000))
    sample = RankerSample(seen, clicked.ravel(), converted.ravel(), np.ones(6000, dtype=np.float32), np.arange(6000))
    ranker = Ranker(fit(sample, hidden=0, seed=1))
    full, patched = matrix(1), matrix(1, price=np.array([3.0]))
    assert ranker.click(np.concatenate([full, patched])) == pytest.approx([0.4, 0.4], rel=0.01)
    assert ranker.score(full) == pytest.approx([0.08], rel=0.02)
    assert ranker.score(patched) == pytest.approx([0.4 / 3], rel=0.02)
    shares = ranker.contributions(patched[0], full[0])
    assert shares["price"] + shares["discount"] == pytest.approx(np.log(odds(0.4 / 3) / odds(0.08)), rel=0.05)
    assert [shares[name] for name in ("score", "stock", "recency", "hour")] == pytest.approx([0] * 4, abs=1e-9)


def test_the_size_of_a_discount_is_recovered():
    ranker = Ranker(fit(made(0, n=N), hidden=0, seed=1))
    prices = np.array([4.0, 3.0, 2.0])
    rows = matrix(3, price=prices)
    after_click = ranker.score(rows) / ranker.click(rows)
    lift = odds(after_click) / odds(after_click[0])
    np.testing.assert_allclose(lift, [1, 3**0.5, 3], rtol=0.2)
    np.testing.assert_allclose(after_click[0], sigmoid(-2.0), rtol=0.1)
    np.testing.assert_allclose(ranker.click(rows), sigmoid(-1.0), rtol=0.05)


def test_a_weighted_sample_is_calibrated_to_the_whole():
    whole = made(2, n=N)
    rng = np.random.default_rng(3)
    rate = np.where(whole.converted, 1.0, np.where(whole.clicked, 0.5, 0.1))
    weighed = RankerSample(whole.features, whole.clicked, whole.converted, (1 / rate).astype(np.float32), whole.users)
    ranker = Ranker(fit(weighed.where(rng.random(N) < rate), hidden=0, seed=1))
    assert ranker.click(whole.features).mean() == pytest.approx(whole.clicked.mean(), rel=0.03)
    assert ranker.score(whole.features).mean() == pytest.approx(whole.converted.mean(), rel=0.03)


def test_a_network_is_taken_where_it_is_better_only():
    straight, bent = choose(made(4), hidden=6, seed=1), choose(made(4, bend=0.6), hidden=6, seed=1)
    assert straight.weights.hidden.shape[1] == 0
    assert bent.weights.hidden.shape[1] == 6
    assert bent.losses[6] < bent.losses[0] < 1
    assert choose(made(4), hidden=0, seed=1).losses == {}


def test_the_loss_of_the_rate_alone_is_one():
    sample = made(5)
    rates = RankerSample(np.zeros_like(sample.features), *list(vars(sample).values())[1:])
    assert loss(fit(rates, hidden=0, seed=1), sample) == pytest.approx(1.0, abs=1e-3)


def test_features_that_never_change_have_no_weight():
    weights = fit(made(6), hidden=3, seed=1)
    for name in ("sold_out", "hour_sin", "never_had"):
        place = features.NAMES.index(name)
        assert not weights.direct[place].any()
        assert not weights.hidden[place].any()
    sold_out = matrix(1, in_stock=np.zeros(1))
    assert Ranker(weights).score(sold_out) == Ranker(weights).score(matrix(1))


def test_the_same_sample_gives_the_same_ranker():
    once, again = (fit(made(7), hidden=3, seed=1) for _ in range(2))
    np.testing.assert_array_equal(once.flat(), again.flat())


def test_it_is_measured_beside_logistic_regression():
    learned, held_out = made(8, n=N), made(9, n=N)
    rows = measure(fit(learned, hidden=0, seed=1), learned, held_out)
    found = {(row["method"], row["metric"]): row["value"] for row in rows}
    assert len(found) == 2 * 3 * 4
    for method in ("ranker", "logistic regression"):
        for head, labels in (
            ("click", held_out.clicked),
            ("conversion", held_out.converted),
            ("conversion after click", held_out.converted[held_out.clicked]),
        ):
            assert found[method, f"{head} observed"] == pytest.approx(labels.mean())
            assert found[method, f"{head} predicted"] == pytest.approx(labels.mean(), rel=0.1)
            assert found[method, f"{head} calibration error"] < 0.02
    # Both heads are linear in truth; the product is not, and the ranker knows that it is one.
    assert found["ranker", "conversion auc"] > found["logistic regression", "conversion auc"] - 0.005
    assert {row["users"] for row in rows} == {500}
