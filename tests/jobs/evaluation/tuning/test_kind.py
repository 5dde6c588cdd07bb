"""The choice of a preset: what kind of shop some events are of."""

import numpy as np
import pytest

from jobs.config.presets import AUTO, names
from jobs.evaluation.methods.choice import methods
from jobs.evaluation.problems.holdout import held_out
from jobs.evaluation.problems.problem import ItemFacts, Problem, distinct, histories
from jobs.evaluation.tuning import kind

ITEMS, DAYS = 40, 30


def problem(next_item, users: int = kind.LEAST + 20) -> Problem:
    """A shop with times, in which each user takes an item every other day: next_item(rng, first, n)."""
    rng = np.random.default_rng(0)
    rows = [(user, next_item(rng, user % ITEMS, n), 2.0 * n) for user in range(users) for n in range(DAYS // 2)]
    user, item, day = (np.asarray(column) for column in zip(*rows, strict=True))
    known = histories(user, users, item.astype(np.int32), day.astype(float), np.ones(len(user), np.float32))
    facts = ItemFacts([str(n) for n in range(ITEMS)], [""] * ITEMS, [[]] * ITEMS, np.full(ITEMS, np.nan), [""] * ITEMS)
    wanted = distinct(np.arange(users), users, known.items[known.offsets[1:] - 1])
    return Problem("shop", "split by time", facts, known, known, np.full(users, float(DAYS)), wanted, ordered=True)


def again_and_again(rng, first, n):
    return (first + int(rng.integers(0, 3)) * 7) % ITEMS


def round_and_round(rng, first, n):
    return (first + n) % ITEMS


@pytest.mark.parametrize(("habit", "expected"), [(again_and_again, {"repeat"}), (round_and_round, {"sequence"})])
def test_the_kind_of_a_shop_is_found_and_found_again(habit, expected):
    known = held_out(problem(habit), kind.MEASURED, days=2)
    choice = kind.choose(known)
    assert choice.preset in expected
    assert list(choice.reached) == names()
    assert choice.reached[choice.preset] == max(choice.reached.values())
    assert (choice.users, choice.why) == (kind.LEAST + 20, None)
    assert kind.choose(known) == choice


def test_few_users_or_no_order_choose_nothing():
    few = kind.choose(held_out(problem(again_and_again, users=20), kind.MEASURED, days=2))
    assert (few.preset, few.reached, few.users) == (kind.USUAL, {}, 20)
    assert few.why == f"20 users came back in the last days; a choice takes {kind.LEAST}"
    assert kind.choose(None).preset == kind.USUAL
    assert kind.choose(None, ordered=False).preset == kind.WITHOUT_ORDER


def test_auto_is_a_method_that_scores_as_the_preset_it_chose():
    shop = problem(again_and_again, users=30)
    auto, named = methods([], [AUTO, kind.USUAL])
    for method in (auto, named):
        method.fit(shop)
    assert (auto.name, auto.choice.preset, auto.parameters) == ("daybreak auto", kind.USUAL, named.parameters)
    np.testing.assert_array_equal(*(method.scores(shop.given, shop.given_at) for method in (auto, named)))
