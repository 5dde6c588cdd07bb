"""Text similarity, and problems that are learned from by fewer users."""

import dataclasses

import numpy as np

from jobs.evaluation.methods.text_similarity import TextSimilarity
from jobs.evaluation.problems.problem import Problem
from tests.jobs.evaluation.made import problem


def test_the_newest_events_texts_come_first():
    """Two kinds of texts: whoever had one kind last, has it first."""
    made = problem(3, users=30, items=12)
    rng = np.random.default_rng(0)
    kinds = np.arange(12) % 2
    texts = (np.eye(2, dtype=np.float32)[kinds] * 5 + rng.normal(size=(12, 2)).astype(np.float32) * 0.3).astype(
        np.float32
    )
    method = TextSimilarity()
    method.fit(made, texts=texts)
    found = method.scores(made.given, made.given_at)
    for user in range(len(made.given)):
        items = made.given.items[made.given.of(user)]
        if len(set(kinds[items])) == 1:
            assert found[user][kinds == kinds[items[0]]].min() > found[user][kinds != kinds[items[0]]].max()


def lines(one: Problem) -> list[tuple[int, ...]]:
    return [tuple(one.train.items[one.train.of(user)]) for user in range(len(one.train))]


def test_a_larger_share_has_the_users_of_a_smaller_one():
    whole = problem(1, users=40)
    half, most = whole.learning_from(0.5), whole.learning_from(0.75)
    assert (len(half.train), len(most.train)) == (20, 30)
    assert set(lines(half)) <= set(lines(most)) <= set(lines(whole))
    assert half.given is whole.given
    assert len(whole.learning_from(0.0).train) == 0
    assert lines(whole.learning_from(1.0)) == lines(whole)
    assert dataclasses.replace(half, train=whole.train) == whole
