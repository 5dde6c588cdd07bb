"""The discovery score beside dense algebra, and what it learns."""

import numpy as np
import pytest
import scipy.sparse as sp

from jobs.models.repertoire import discovery
from jobs.models.repertoire.discovery import ALIKE_PENALTY, NEXT_PENALTY, DiscoveryWeights
from jobs.models.repertoire.learn import BASKETS, FADING, Events, learn, popularity

RNG = np.random.default_rng(3)
X = sp.csr_array(RNG.random((30, 6)) * (RNG.random((30, 6)) < 0.5), dtype=np.float32)
BEFORE = sp.csr_array(RNG.random((40, 6)) * (RNG.random((40, 6)) < 0.5), dtype=np.float32)
FIRST = sp.csr_array((RNG.random((40, 6)) < 0.3).astype(np.float32))
POPULAR = np.asarray([0.3, 0.2, 0.2, 0.1, 0.1, 0.1], dtype=np.float32)
KINDS = sp.csr_array(np.asarray([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 1]], dtype=np.float32))


def usual(matrix: np.ndarray) -> np.ndarray:
    """Without what is negative, with scores that add up to 1 on average."""
    matrix = np.maximum(matrix, 0)
    return matrix / (X @ matrix).sum(1).mean()


def test_each_part_is_its_formula():
    parts = discovery.fit(X, BEFORE, FIRST, POPULAR, KINDS)
    x, before, first = X.toarray().astype(float), BEFORE.toarray().astype(float), FIRST.toarray().astype(float)
    following = np.linalg.solve(before.T @ before + NEXT_PENALTY * np.eye(6), before.T @ first)
    assert np.allclose(parts.next.toarray(), usual(following), rtol=1e-3)
    inverse = np.linalg.inv(x.T @ x + ALIKE_PENALTY * np.eye(6))
    alike = -inverse / np.diag(inverse)
    np.fill_diagonal(alike, 0)
    assert np.allclose(parts.alike.toarray(), usual(alike), rtol=1e-3, atol=1e-6)
    kinds = KINDS.toarray()
    kind = (kinds @ kinds.T) * POPULAR / np.maximum(kinds @ (kinds.T @ POPULAR), 1e-9)[:, None]
    assert np.allclose(parts.kind.toarray(), usual(kind), rtol=1e-4)


def test_a_score_is_the_weighted_sum():
    parts = discovery.fit(X, BEFORE, FIRST, POPULAR, KINDS)
    found = parts.weighted(DiscoveryWeights(1.0, 0.3, 2.0)).scores(X)
    expected = POPULAR + X @ (parts.next + 0.3 * parts.alike + 2.0 * parts.kind).toarray()
    assert np.allclose(found, expected, rtol=1e-5)
    assert (parts.weighted(DiscoveryWeights(0.0, 0.0, 0.0)).scores(X) == POPULAR).all()


def test_only_the_largest_weights_are_kept(monkeypatch):
    monkeypatch.setattr(discovery, "NEXT", 2)
    parts = discovery.fit(X, BEFORE, FIRST, POPULAR, KINDS)
    for part in (parts.next, parts.alike, parts.kind):
        assert np.diff(part.indptr).max() <= 2


def test_a_shop_without_categories_has_no_kinds():
    parts = discovery.fit(X, BEFORE, FIRST, POPULAR, KINDS[:, :0])
    assert parts.kind.nnz == 0
    assert parts.kind.shape == (6, 6)


@pytest.fixture(scope="module")
def events() -> Events:
    """Users who take item 0, then item 1, then 2 or 3, then item 0 again."""
    baskets = [[0, 1, 2 + user % 2, 0] for user in range(50)]
    offsets = np.arange(51, dtype=np.int64) * 4
    return Events(offsets, np.concatenate(baskets).astype(np.int32), np.tile(np.arange(4.0), 50), np.full(50, 4.0))


def test_what_is_had_already_is_no_discovery(events):
    parts, habits = learn(events, BASKETS, 5, sp.csr_array((5, 0), dtype=np.float32))
    assert set(parts.next.indices.tolist()) <= {1, 2, 3}  # nobody has item 0 for the first time after a basket
    assert parts.next[[0], [1]][0] > 0
    assert habits.again[0] > habits.again[1]


def test_rows_have_what_was_before_the_moment(events):
    rows = discovery.rows_of(events.before(np.full(50, 2.0)).own(BASKETS), FADING, 5).toarray()
    faded = np.exp2(-np.asarray([2.0, 1.0]) / BASKETS.half_lives[FADING])
    assert np.allclose(rows, [[*(faded / np.sqrt(faded.sum())), 0, 0, 0]] * 50, rtol=1e-6)
    assert (discovery.rows_of(events.before(np.zeros(50)).own(BASKETS), FADING, 5).toarray() == 0).all()


def test_popularity_counts_first_purchases(events):
    assert popularity(events, np.inf, 5) == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6, 0])
    new = popularity(events, 1.0, 5)
    assert new[2] * 2 > new[1] > new[0]
