"""Daybreak as a method of the harness, on small problems without texts."""

import dataclasses

import numpy as np
import pytest

from jobs.config.learning import EmbedConfig, TrainConfig
from jobs.evaluation.methods.daybreak import Daybreak, text_vectors
from jobs.evaluation.problems.problem import ItemFacts, Problem
from tests.jobs.evaluation.made import problem

TRAIN = TrainConfig(dimensions=8, epochs=4, users_per_batch=8, first=0.0, first_popular=0.0, odds=0.0)


def with_attributes(made: Problem, more: int = 0) -> Problem:
    """Half of the items have one attribute and half another; `more` new items likewise."""
    n = len(made.items)
    attributes = [["l0" if item < n // 2 else "l1"] for item in range(n)] + [["l0"], ["l0"], ["l1"]][:more]
    items = ItemFacts(
        [f"i{n}" for n in range(n + more)], [""] * (n + more), attributes, np.full(n + more, np.nan), [""] * (n + more)
    )
    return dataclasses.replace(made, items=items)


def fitted(made: Problem, **changed) -> Daybreak:
    method = Daybreak("sequence", dataclasses.replace(TRAIN, **changed), EmbedConfig(weight=0.0))
    method.fit(made)
    return method


def scores(method: Daybreak, made: Problem) -> np.ndarray:
    return method.scores(made.given, made.given_at)


@pytest.mark.parametrize("protocol", ["split by time", "fixed lists"])
def test_every_item_has_a_score_and_the_same_again(protocol):
    made = with_attributes(problem(1, users=40, protocol=protocol))
    method = fitted(made, ordered=made.ordered)
    found = scores(method, made)
    assert found.shape == (len(made.given), len(made.items))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert method.parameters > 0
    np.testing.assert_array_equal(scores(fitted(made, ordered=made.ordered), made), found)


@pytest.mark.parametrize("follow", [0.0, 500.0])
def test_without_repeats_items_of_the_history_come_last(follow):
    """However surely it is said to follow, be it upon itself."""
    made = with_attributes(problem(2, users=40))
    known = made.given.matrix(len(made.items)).toarray() > 0
    never, again = (scores(fitted(made, repeat=repeat, follow=follow), made) for repeat in (0.0, 4.0))
    first_known, last_other = np.where(known, never, -np.inf).max(1), np.where(known, np.inf, never).min(1)
    assert (first_known < last_other).all()
    assert (np.where(known, again, -np.inf).max(1) > np.where(known, np.inf, again).min(1)).any()


def test_items_without_attributes_or_texts_are_fitted():
    made = problem(4, users=40)
    method = fitted(made)
    found = scores(method, made)
    assert found.shape == (len(made.given), len(made.items))
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) > 1


def test_new_items_differ_by_their_attributes():
    n, made = 15, with_attributes(problem(3, users=40, items=15), more=3)
    found = scores(fitted(made), made)
    np.testing.assert_allclose(found[:, n], found[:, n + 1], rtol=1e-5)  # products of other columns may round otherwise
    assert not np.allclose(found[:, n], found[:, n + 2])


def test_an_unfinished_fit_answers_after_every_epoch_without_transitions():
    made = with_attributes(problem(5, users=40))
    method, seen = Daybreak("sequence", dataclasses.replace(TRAIN, follow=30.0), EmbedConfig(weight=0.0)), []
    method.fit(made, after=lambda epoch: seen.append((epoch, scores(method, made))))
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert not np.allclose(seen[0][1], seen[-1][1])
    np.testing.assert_array_equal(seen[-1][1], scores(fitted(made), made))  # looking on has changed nothing
    np.testing.assert_array_equal(scores(method, made), scores(fitted(made, follow=30.0), made))


def test_what_is_raised_after_an_epoch_ends_the_fit():
    def enough(epoch: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Daybreak("sequence", TRAIN, EmbedConfig(weight=0.0)).fit(problem(5, users=40), after=enough)


def test_texts_are_embedded_in_their_order_whatever_the_part(monkeypatch):
    texts = ["apple juice", "", "dog food", "apple pie", "window cleaner"]
    whole = text_vectors(texts, EmbedConfig(precision="float32"))
    monkeypatch.setattr("jobs.evaluation.methods.daybreak.TEXTS", 2)
    np.testing.assert_allclose(text_vectors(texts, EmbedConfig(precision="float32")), whole, atol=1e-5)
    assert whole.shape == (5, 384)
    np.testing.assert_array_equal(text_vectors(["", ""], EmbedConfig()), np.zeros((2, 1)))
