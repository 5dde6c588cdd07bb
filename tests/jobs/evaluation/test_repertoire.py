"""The repertoire model: it learns what users repeat and what they discover, and reads nothing that it should not."""

import dataclasses

import numpy as np
import pytest

from jobs.errors import DataError
from jobs.evaluation.harness import ranked
from jobs.evaluation.methods import repertoire
from jobs.evaluation.methods.repertoire import Repertoire
from jobs.evaluation.metrics.ranking import user_metrics
from jobs.evaluation.problems.problem import Problem, distinct, histories
from jobs.models.repertoire.list_quality import list_ndcg
from tests.jobs.evaluation.made import bare, problem

ITEMS = 22


def shop(protocol: str, users: int = 80) -> Problem:
    """Everybody takes the own staple, 0 … 9, in each of six baskets, and one after the other of 10 … 15 or 16 … 21."""
    user, basket, item = [], [], []
    for one in range(users):
        for place in range(6):
            user += [one, one]
            basket += [place, place]
            item += [one % 10, 10 + 6 * (one % 2) + place]
    days = np.asarray(basket, dtype=np.float64) * (14.0 if protocol == "split by time" else 1.0)
    known = np.asarray(basket) < 5
    names = np.asarray(user)
    train = histories(names[known], users, np.asarray(item)[known], days[known], np.ones(int(known.sum()), np.float32))
    truth = distinct(names[~known], users, np.asarray(item)[~known])
    at = np.full(users, 70.0 if protocol == "split by time" else 5.0)
    return Problem("shop", protocol, bare(ITEMS), train, train, at, truth, ordered=True)


@pytest.mark.parametrize("protocol", ["split by time", "next basket"])
def test_it_repeats_the_staple_and_finds_what_comes_next(protocol):
    made = shop(protocol)
    method = Repertoire()
    method.fit(made)
    (first,) = ranked(method, made, 1, masked=False).T
    assert (first == np.arange(80) % 10).all()
    new = ranked(method, made, 3, masked=True)
    for user, own in enumerate(new):
        assert len(set(own.tolist()) & set(range(10 + 6 * (user % 2), 16 + 6 * (user % 2)))) == 1


def test_fitting_reads_nothing_of_what_is_measured():
    made = shop("split by time")
    blind = dataclasses.replace(made, given=made.given.rows(np.zeros(0, np.int64)), given_at=np.zeros(0), truth=None)  # type: ignore[arg-type]
    one, other = Repertoire(), Repertoire()
    one.fit(made)
    other.fit(blind)
    assert np.array_equal(one.scores(made.given, made.given_at), other.scores(made.given, made.given_at))


def test_a_score_does_not_depend_on_who_else_is_ranked(monkeypatch):
    made = shop("next basket")
    method = Repertoire()
    method.fit(made)
    together = method.scores(made.given, made.given_at)
    monkeypatch.setattr(repertoire, "BLOCK", 7)
    assert np.allclose(method.scores(made.given, made.given_at), together, rtol=1e-4, atol=1e-4)
    empty = made.given.rows(np.asarray([0]))
    nothing = dataclasses.replace(empty, offsets=np.zeros(2, np.int64), items=empty.items[:0], days=empty.days[:0])
    assert np.isfinite(method.scores(nothing, np.asarray([5.0]))).all()


def test_without_times_or_order_there_is_nothing_to_learn_from():
    with pytest.raises(DataError, match="no user has events at two times"):
        Repertoire().fit(problem(1, protocol="fixed lists"))


def test_ndcg_of_lists_in_a_row_is_that_of_lists():
    rng = np.random.default_rng(1)
    lists = np.stack([rng.permutation(30)[:12] for _ in range(9)]).astype(np.int32)
    truth = distinct(np.repeat(np.arange(9), 5), 9, rng.integers(0, 30, 45).astype(np.int32))
    wanted = [set(truth.items[a:b].tolist()) for a, b in zip(truth.offsets, truth.offsets[1:], strict=False)]
    taken = np.asarray([item in own for row, own in zip(lists.tolist(), wanted, strict=True) for item in row])
    expected = user_metrics(lists, truth, [10])["ndcg@10"].mean()
    assert list_ndcg(np.repeat(np.arange(9), 12), taken, np.diff(truth.offsets)) == pytest.approx(expected)
