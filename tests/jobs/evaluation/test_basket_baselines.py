"""The baselines for baskets beside slow, obvious implementations, and how they choose their settings."""

import math

import numpy as np
import pytest

from jobs.evaluation.methods import selection
from jobs.evaluation.methods.baskets import TifuKnn, UpCf
from jobs.evaluation.problems.holdout import held_out
from jobs.evaluation.problems.problem import Problem
from tests.jobs.evaluation.made import problem

PROTOCOLS = ("split by time", "next basket", "fixed lists")
TIFU = {"groups": 2, "within": 0.8, "between": 0.6, "neighbours": 3, "own": 0.4}
UP_CF = {"recency": 2, "locality": 3, "asymmetry": 0.25}


def baskets(histories, user: int) -> list[set[int]]:
    one = histories.of(user)
    found: dict[float, set[int]] = {}
    for item, day in zip(histories.items[one].tolist(), histories.days[one].tolist(), strict=True):
        found.setdefault(day, set()).add(item)
    return [found[day] for day in sorted(found)]


def temporal(own: list[set[int]], items: int) -> np.ndarray:
    """The vector of TIFU-KNN: baskets in groups, the first groups no smaller than the last by more than one."""
    groups = min(len(own), TIFU["groups"])
    vector = np.zeros(items)
    for group in range(groups):
        part = own[math.ceil(group * len(own) / groups) : math.ceil((group + 1) * len(own) / groups)]
        for place, basket in enumerate(part):
            for item in basket:
                faded = TIFU["within"] ** (len(part) - 1 - place) * TIFU["between"] ** (groups - 1 - group)
                vector[item] += faded / len(part) / groups
    return vector


def fitted(method, made: Problem) -> np.ndarray:
    method.fit(made)
    return method.scores(made.given, made.given_at)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", [1, 2])
class TestSlowly:
    def test_tifu_knn(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        theirs = [temporal(baskets(made.train, user), 15) for user in range(len(made.train))]
        found = fitted(TifuKnn(**TIFU), made)
        for user, row in enumerate(found):
            own = temporal(baskets(made.given, user), 15)
            distance = [float(((own - other) ** 2).sum()) for other in theirs]
            near = np.argsort(distance, kind="stable")[:4]
            if distance[near[3]] - distance[near[2]] > 1e-6:  # or else it is open who is the third
                mean = np.mean([theirs[n] for n in near[:3]], axis=0)
                assert np.allclose(row, 0.4 * own + 0.6 * mean, atol=1e-6)

    def test_up_cf(self, seed, protocol):
        made = problem(seed, protocol=protocol)
        found = fitted(UpCf(**UP_CF), made)
        for user, row in enumerate(found):
            own, expected = set().union(*baskets(made.given, user)), np.zeros(15)
            for other in range(len(made.train)):
                all_of_them = baskets(made.train, other)
                items, last = set().union(*all_of_them), all_of_them[-2:]
                near = len(own & items) / (len(own) ** 0.25 * len(items) ** 0.75)
                for basket in last:
                    for item in basket:
                        expected[item] += near**3 / len(last)
            assert np.allclose(row, expected, atol=1e-5)


class TestChoice:
    def test_it_takes_the_value_that_finds_most(self):
        class Fake:
            def __init__(self, good: float):
                self.good = good

            def fit(self, problem: Problem) -> None:
                self.truth = [set(problem.truth.items[a:b].tolist()) for a, b in zip(*two(problem.truth), strict=True)]
                self.place, self.n = 0, len(problem.items)

            name, parameters = "fake", 1

            def scores(self, given, at):
                wanted = self.truth[self.place : self.place + len(given)]
                self.place += len(given)
                return np.asarray(
                    [[self.good * (item in own) - 0.5 * item for item in range(self.n)] for own in wanted], np.float32
                )

        def two(truth):
            return truth.offsets[:-1], truth.offsets[1:]

        grid = {"good": (0.0, 1.0, 100.0, 2.0)}
        made = problem(3, users=60, items=40)
        assert selection.select(made, grid, (), lambda settings: Fake(**settings)) == {"good": 100.0}

    def test_without_an_order_the_first_values_stand(self):
        made = problem(3, protocol="fixed lists")
        method = UpCf()
        method.fit(made)
        assert method.settings == {name: values[0] for name, values in UpCf.GRID.items()}


class TestHeldOut:
    def test_days(self):
        made = problem(5, users=40)
        found = held_out(made, 1000, days=10)
        start = np.floor(made.train.days.max()) + 1 - 10
        assert (found.train.days < start).all()
        assert (found.given.days < start).all()
        assert (found.given_at == start).all()
        late = made.train.days >= start
        known = {user for user, day in zip(made.train.users, made.train.days, strict=True) if day < start}
        pairs = {(u, i) for u, i in zip(made.train.users[late], made.train.items[late], strict=True) if u in known}
        assert len(found.truth.items) == len(pairs)

    def test_last_baskets(self):
        made = problem(5, users=40, protocol="next basket")
        found = held_out(made, 1000)
        users = [user for user in range(len(made.train)) if len(baskets(made.train, user)) > 1]
        assert len(found.given) == len(found.train) == len(users)
        for row, user in enumerate(users):
            *before, last = baskets(made.train, user)
            assert baskets(found.given, row) == before
            assert set(found.truth.items[found.truth.offsets[row] : found.truth.offsets[row + 1]]) == last
            assert found.given_at[row] == made.train.days[made.train.of(user)].max()

    def test_a_sample_is_the_same_every_time_and_unordered_data_have_none(self):
        made = problem(5, users=40)
        assert len(held_out(made, 7).given) == 7
        assert np.array_equal(held_out(made, 7).given.items, held_out(made, 7).given.items)
        assert held_out(problem(5, protocol="fixed lists"), 7) is None
