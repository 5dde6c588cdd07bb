"""The ranker: its forward pass, and that its contributions add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import ReleaseError
from lookup.scoring.features import GROUPS, NAMES
from lookup.scoring.ranker import Ranker, Weights

F = len(NAMES)


def weights(hidden: int, seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)
    shapes = ((F,), (F,), (F, hidden), (hidden,), (F, 2), (hidden, 2), (2,))
    parts = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    parts[1] = np.abs(parts[1]) + np.float32(0.5)
    return Weights(*parts)


def rows(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, F)).astype(np.float32)


def plain(made: Weights, x: np.ndarray) -> np.ndarray:
    """The two probabilities, as the docstring of the module writes them."""
    z = (x.astype(float) - made.centre) / made.scale
    linear = z @ made.direct + np.maximum(0, z @ made.hidden + made.hidden_bias) @ made.out + made.bias
    return 1 / (1 + np.exp(-linear))


@pytest.mark.parametrize("hidden", [0, 1, 16])
def test_the_score_is_the_product_of_the_heads(hidden):
    made, x = weights(hidden), rows(50)
    ranker = Ranker.read({"features": list(NAMES), "hidden": hidden}, made.flat())
    expected = plain(made, x)
    np.testing.assert_allclose(ranker.click(x), expected[:, 0], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(ranker.score(x), expected.prod(axis=1), rtol=1e-4, atol=1e-7)
    assert ranker.score(x).dtype == np.float32
    p = expected.prod(axis=1)
    np.testing.assert_allclose(ranker.logits(x), np.log(p / (1 - p)), rtol=1e-4, atol=1e-4)


@given(st.integers(0, 5), st.integers(0, 1000))
def test_contributions_add_up_to_the_difference_of_the_logits(hidden, seed):
    ranker, (row, other) = Ranker(weights(hidden, seed)), rows(2, seed)
    for reference in (None, other):
        start = ranker.weights.centre if reference is None else reference
        shares = ranker.contributions(row, reference)
        assert list(shares) == list(GROUPS)
        before, after = ranker.logits(np.stack([start, row]))
        assert sum(shares.values()) == pytest.approx(after - before, abs=1e-9)


def test_contributions_of_a_linear_ranker_are_its_terms():
    """Where a conversion needs no second head, each feature gives its weight times how far it is from the reference."""
    made = weights(0)
    sure = np.array([40.0, 0.0], dtype=np.float32)  # a click is certain
    made = Weights(made.centre, made.scale, made.hidden, made.hidden_bias, made.direct * [0, 1], made.out, sure)
    (row,) = rows(1)
    terms = (row.astype(float) - made.centre) / made.scale * made.direct[:, 1]
    named = dict(zip(NAMES, terms, strict=True))
    for name, share in Ranker(made).contributions(row).items():
        assert share == pytest.approx(sum(named[column] for column in GROUPS[name]), abs=1e-4)


def test_a_feature_that_is_as_in_the_reference_gives_nothing():
    ranker, (row, other) = Ranker(weights(4)), rows(2)
    other[NAMES.index("score")] = row[NAMES.index("score")]
    assert ranker.contributions(row, other)["score"] == pytest.approx(0, abs=1e-12)


def test_certain_logits_stay_finite():
    made = weights(0)
    for bias in (-300.0, 300.0):
        sure = Weights(*list(vars(made).values())[:-1], np.full(2, bias, dtype=np.float32))
        assert np.isfinite(Ranker(sure).logits(rows(5))).all()
        assert np.isfinite(Ranker(sure).score(rows(5))).all()


@pytest.mark.parametrize(
    ("facts", "length", "message"),
    [
        ({"features": ["score"], "hidden": 0}, 0, "has features .*score.*; this Daybreak computes"),
        ({"features": list(NAMES)}, 0, "None hidden units"),
        ({"features": list(NAMES), "hidden": 3}, 7, r"and 3 hidden units has \d+ numbers; its array has shape \(7,\)"),
    ],
)
def test_a_ranker_of_another_shape_is_refused(facts, length, message):
    with pytest.raises(ReleaseError, match=message):
        Ranker.read(facts, np.zeros(length, dtype=np.float32))
