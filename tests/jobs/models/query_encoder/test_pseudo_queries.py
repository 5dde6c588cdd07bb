"""Pseudo-queries are runs of titles, and few change where few titles do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.models.query_encoder.pseudo_queries import LENGTHS, runs

WORDS = [f"word{n}" for n in range(400)]


def made(count: int, seed: int = 1) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [rng.choice(WORDS, rng.integers(4, 9), replace=False).tolist() for _ in range(count)]


def test_few_other_titles_make_few_other_runs():
    titles = made(6000)
    other = [*made(30, seed=2), *titles[:2000], *titles[2050:]]
    one, two = set(runs(titles, 4000, 17)), set(runs(other, 4000, 17))
    assert len(one) == len(two) == 4000
    assert len(two - one) < 0.04 * 4000


def test_equal_titles_have_runs_of_their_own():
    title = WORDS[:8]
    assert len(runs([title] * 500, 60, 17)) == 60


def test_lengths_are_as_declared():
    lengths = np.bincount([len(run.split()) for run in runs(made(8000), 5000, 17)], minlength=5)[1:] / 5000
    # Short runs are found twice, so there are fewer of them.
    np.testing.assert_allclose(lengths[1:] / lengths[1:].sum(), np.array(LENGTHS[1:]) / sum(LENGTHS[1:]), atol=0.03)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5), max_size=6), st.integers(1, 20))
def test_runs_are_different_words_of_one_title_in_its_order(titles, count):
    found = runs(titles, count, 3)
    assert len(found) == len(set(found)) <= count
    for run in found:
        words = run.split(" ")
        assert 1 <= len(words) <= 4
        assert any(_in_order(words, title) for title in titles)


def _in_order(words, title):
    rest = iter(title)
    return all(word in rest for word in words)
