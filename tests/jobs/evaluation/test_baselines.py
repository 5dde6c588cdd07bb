"""Each baseline beside a slow, obvious implementation on small problems."""

import dataclasses
import itertools

import numpy as np
import pytest

from jobs.evaluation.methods.baselines import HALF_LIFE, CategoryPopular, ItemCosine, OwnRepeats, Popular, categories
from jobs.evaluation.methods.choice import BASELINES
from jobs.evaluation.methods.linear import Als, Ease
from jobs.evaluation.methods.walk import RecentWalk
from jobs.evaluation.problems.problem import Histories, Problem
from jobs.ranking.exact import ItemLists
from tests.jobs.evaluation.made import bare, problem

PROTOCOLS = ("split by time", "leave one out", "fixed lists")


def events(histories, user: int) -> list[tuple[int, float, float]]:
    one = histories.of(user)
    return list(
        zip(histories.items[one].tolist(), histories.days[one].tolist(), histories.weights[one].tolist(), strict=True)
    )


def scores(method, made: Problem) -> np.ndarray:
    method.fit(made)
    found = method.scores(made.given, made.given_at)
    assert found.dtype == np.float32
    assert found.shape == (len(made.given), len(made.items))
    return found


def dense(made: Problem, histories, at: np.ndarray, power: float, binary: bool = True) -> np.ndarray:
    """Decayed weights, or in unordered data 1 (binary) or the weights, by user and item."""
    x = np.zeros((len(histories), len(made.items)))
    for user in range(len(histories)):
        for item, day, weight in events(histories, user):
            x[user, item] += weight * ((1 + at[user] - day) ** -power if made.ordered else 1)
    return x if made.ordered or not binary else (x > 0).astype(float)


def ends(made: Problem) -> np.ndarray:
    return np.array([max((day for _, day, _ in events(made.train, u)), default=-1) + 1 for u in range(len(made.train))])


def counted(made: Problem) -> np.ndarray:
    total = np.zeros(len(made.items))
    for user in range(len(made.train)):
        for item, day, weight in events(made.train, user):
            total[item] += weight * (0.5 ** ((made.train.days.max() - day) / HALF_LIFE) if made.timed else 1)
    return total


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", [1, 2])
class TestSlowly:
    def test_popular(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        assert np.allclose(scores(Popular(), made), counted(made)[None], rtol=1e-5)

    def test_own_repeats(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        found, popular = scores(OwnRepeats(), made), counted(made)
        for user, own in enumerate(found):
            worth = dict.fromkeys((item for item, _, _ in events(made.given, user)), 0.0)
            for item, day, weight in events(made.given, user):
                age = made.given_at[user] - day
                worth[item] += weight * (0.5 ** (age / OwnRepeats.HALF_LIFE) if made.timed else 1 / (1 + age))
            for item, value in worth.items():
                assert own[item] == pytest.approx(value, rel=1e-5)
            others = [i for i in range(len(own)) if i not in worth]
            assert max(own[others]) < min(worth.values())
            assert own[others].argsort().tolist() == popular.astype(np.float32)[others].argsort().tolist()

    def test_own_repeats_that_are_equal_go_by_popularity(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        method = OwnRepeats()
        method.fit(made)
        popular, n = counted(made), len(made.items)
        basket = Histories(np.asarray([0, n]), np.arange(n), np.zeros(n), np.ones(n))
        (own,) = method.scores(basket, np.zeros(1))
        assert np.all(np.diff(own[np.argsort(popular, kind="stable")]) >= 0)
        assert len(np.unique(own)) > 1

    def test_item_cosine(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        n = len(made.items)
        pairs, count = np.zeros((n, n)), np.zeros(n)
        for user in range(len(made.train)):
            own = events(made.train, user)
            for a, (i, day, weight) in enumerate(own):
                count[i] += weight if made.ordered else i not in [item for item, _, _ in own[:a]]
                for b, (j, later, other) in enumerate(own):
                    if made.ordered and a != b and later >= day:
                        pairs[i, j] += weight * other / (1 + later - day)
                    elif not made.ordered and i != j:
                        pairs[i, j] = sum({i, j} <= {e[0] for e in events(made.train, u)} for u in range(12))
        power = ItemCosine.POWER if made.ordered else 0.5
        similar = pairs * np.outer(np.maximum(count, 1e-12), np.maximum(count, 1e-12)) ** -power
        assert np.allclose(
            scores(ItemCosine(), made), dense(made, made.given, made.given_at, 1.0) @ similar, rtol=1e-4, atol=1e-6
        )

    def test_recent_walk(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        rare = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]] * 5)  # each fact is of ten of the fifteen items
        labels = [[name for name, has in zip("ab", row, strict=True) if has] for row in rare]
        made = dataclasses.replace(made, items=dataclasses.replace(made.items, attributes=labels))
        n = len(made.items)
        steps, start = np.zeros((n, n)), np.zeros((len(made.given), n))
        for user in range(len(made.train)):
            own = [item for item, _, _ in events(made.train, user)]
            if made.ordered:
                for i, j in itertools.pairwise(own):
                    steps[i, j] += 1
                    steps[j, i] += RecentWalk.BACK
            else:
                for i, j in itertools.permutations(set(own), 2):
                    steps[i, j] += 1
        steps /= np.maximum(steps.sum(1, keepdims=True), 1e-12)
        for user in range(len(made.given)):
            own = [item for item, _, _ in events(made.given, user)]
            for item, much in zip(own[:-3:-1], (1, RecentWalk.EARLIER), strict=False) if made.ordered else ():
                start[user, item] += much
            if not made.ordered:
                start[user, own] = 1
        walk = start @ steps + (start @ steps @ steps if made.ordered else 0)
        facts = rare / np.linalg.norm(rare, axis=1, keepdims=True)
        slowly = RecentWalk.WALK * walk + start @ facts @ facts.T * np.where(walk > 0, 1, RecentWalk.LEAST)
        assert np.allclose(scores(RecentWalk(), made), slowly, rtol=1e-4, atol=1e-6)

    def test_ease(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        x = dense(made, made.train, ends(made), Ease.POWER)
        inverse = np.linalg.inv(x.T @ x + Ease.REGULARISATION * np.eye(len(made.items)))
        b = -inverse / np.diag(inverse)
        np.fill_diagonal(b, 0)
        slowly = dense(made, made.given, made.given_at, Ease.POWER) @ b
        assert np.allclose(scores(Ease(), made), slowly, rtol=1e-4, atol=1e-6)

    def test_als(self, seed, protocol):
        """No outcome of alternating is obvious; but a user's factors solve the equations of the paper (eq. 4)."""
        made, method = problem(seed, protocol=protocol), Als()
        method.FACTORS = 4
        found = scores(method, made)
        y = method._model.item_factors.astype(float)
        r = dense(made, made.given, made.given_at, 1.0, binary=False)
        for user, own in enumerate(found):
            sure = 1 + Als.ALPHA * r[user] * (r[user] > 0)
            x = np.linalg.solve(y.T @ np.diag(sure) @ y + Als.REGULARISATION * np.eye(4), y.T @ (sure * (r[user] > 0)))
            assert np.allclose(own, y @ x, rtol=1e-3, atol=1e-4)


def unordered(users: list[list[tuple[int, float]]], **facts: list) -> Problem:
    """Items and weights of each user, who are all measured. facts: of the items."""
    pairs = [pair for own in users for pair in own]
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in users])])
    items, weights = np.array([i for i, _ in pairs], np.int32), np.array([w for _, w in pairs], np.float32)
    known = Histories(offsets, items, np.zeros(len(items)), weights)
    table = dataclasses.replace(bare(len(next(iter(facts.values())))), **facts)
    nothing = ItemLists(np.zeros(len(users) + 1, np.int64), np.zeros(0, np.int32))
    return Problem("by hand", "fixed lists", table, known, known, np.zeros(len(users)), nothing, False)


class TestPopularInCategoriesByHand:
    def test_one_category_an_item(self):
        """Items 2, 4 and 6 are in no training event, and of 6's category nothing is."""
        users = [[(0, 1), (0, 1), (1, 1)], [(0, 1), (3, 0.5), (5, 1)], []]
        made = unordered(users, categories=["x", "x", "x", "y", "y", "", "z"])
        rates = np.array([3 / 4, 1 / 4, 1 / 2, 1, 1, 1, 0])
        shares = [[1, 1, 1, 0, 0, 0, 0], [0.4, 0.4, 0.4, 0.2, 0.2, 0.4, 0]]  # of each item's category
        usual = np.array([4, 4, 4, 0.5, 0.5, 1, 0]) / 5.5
        assert np.allclose(scores(CategoryPopular(), made), [*(rates * shares), rates * usual], rtol=1e-6)

    def test_every_step_of_a_path(self):
        paths = [
            ["category=a", "category=a>b", "brand=z"],
            ["category=a", "category=a>c"],
            ["category=a>b", "category=a"],
        ]
        made = unordered([[(0, 1)], [(1, 1), (1, 2)]], attributes=paths, categories=["a", "a", "a"])
        # Rates in a: 1/4, 3/4, and 1/2 for the new item; in a>b 1, none, 1; in a>c none, 1, none.
        one, two = scores(CategoryPopular(), made)
        assert one == pytest.approx([0.5 * 0.25 + 0.5, 0.5 * 0.75, 0.5 * 0.5 + 0.5])
        assert two == pytest.approx([0.5 * 0.25, 0.5 * 0.75 + 0.5, 0.5 * 0.5])

    def test_new_items_of_the_same_categories_are_exactly_equal(self):
        labels = [["1", "2", "3"], ["2", "3"], ["3", "1"], *[["3", "1", "2"]] * 5]
        made = unordered([[(0, 1), (1, 0.3)], [(2, 0.7)]], attributes=labels)
        found = scores(CategoryPopular(), made)
        assert (found[:, 3:] == found[:, 3:4]).all()
        assert (found[:, 3] > 0).all()

    def test_without_categories_all_is_popular(self):
        made = problem(1)
        popular = counted(made)
        assert np.allclose(scores(CategoryPopular(), made)[:, popular > 0], (popular / popular.sum())[popular > 0])

    def test_what_counts_as_categories(self):
        items = dataclasses.replace(bare(2), attributes=[["brand=z", "17"], []], categories=["a", ""])
        assert categories(items) == [["a"], [""]]
        assert categories(dataclasses.replace(items, categories=["", ""])) == [["brand=z", "17"], [""]]
        paths = [["brand=z", "category=a>b"], []]
        assert categories(dataclasses.replace(items, attributes=paths)) == [["category=a>b"], [""]]


def test_ease_lists_the_most_frequent_items_only():
    made, method = problem(3), Ease()
    method.MOST = 6
    found = scores(method, made)
    count = np.bincount(made.train.items, minlength=len(made.items))
    kept = np.isfinite(found[0])
    assert kept.sum() == 6
    assert (np.isfinite(found) == kept).all()
    assert count[kept].min() >= count[~kept].max()
    assert method.parameters == 36


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_fitting_reads_nothing_of_what_is_measured(name, protocol):
    made = problem(4, protocol=protocol)
    nothing = np.zeros(0)
    blind = Problem(
        made.name,
        made.protocol,
        made.items,
        made.train,
        None,
        nothing,
        None,
        made.ordered,  # type: ignore[arg-type]
    )
    method = BASELINES[name]()
    method.fit(blind)
    assert np.array_equal(method.scores(made.given, made.given_at), scores(BASELINES[name](), made))
    assert method.parameters > 0


@pytest.mark.parametrize("name", BASELINES)
def test_a_user_without_a_history_gets_scores_too(name):
    made = problem(5)
    empty = made.given.rows(np.zeros(0, np.int64))
    method = BASELINES[name]()
    method.fit(made)
    one = type(empty)(np.zeros(2, np.int64), empty.items, empty.days, empty.weights)
    assert not np.isnan(method.scores(one, np.array([30.0]))).any()
