"""What a repertoire model needs to choose, on held-out events: the weights of the discovery score, and the mix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.harness import best
from jobs.evaluation.metrics.ranking import ndcg
from jobs.evaluation.problems.problem import Histories, Problem
from jobs.evaluation.slices import wanted
from jobs.infra.logging import log_line
from jobs.models.repertoire import mixture
from jobs.models.repertoire.discovery import MOST, Discovery, DiscoveryParts, DiscoveryWeights, rows_of
from jobs.models.repertoire.learn import FADING
from jobs.models.repertoire.list_quality import SHOWN, list_ndcg
from jobs.models.repertoire.own_items import Habits, OwnItems

WEIGHTS = (0.0, 0.3, 1.0, 3.0)
"""Of the parts of a discovery score, to choose from."""
SHIFTS = (-0.25, 0.0, 0.25, 0.5, 0.75)
"""Of the log odds of discoveries against those of repeats, to choose from."""
NEW = 100
"""The mix learns from so many of a user's best discoveries."""
BLOCK = 256
"""Users whose scores of all items are in memory at a time."""

Own = Callable[[Histories, NDArray[np.float64]], OwnItems]
"""What users have at a moment."""


class ChosenDiscovery(NamedTuple):
    """What `choose` finds."""

    weights: DiscoveryWeights
    half_life: float
    """Of popularity."""


def choose(
    known: Problem, own_of: Own, parts: DiscoveryParts, popular: Mapping[float, NDArray[np.float32]]
) -> ChosenDiscovery:
    """Choose the weights and the half-life of popularity with the highest NDCG of held-out first purchases.

    Only the MOST most popular items are ranked. known: what was held out. parts: learned from `known.train`. popular:
    by half-life.
    """
    whole = wanted(known, masked=True)
    own = own_of(known.given.rows(whole.users), known.given_at[whole.users])
    items = len(parts.popular)
    columns = np.sort(np.argsort(-popular[max(popular)], kind="stable")[:MOST])
    number = np.full(items, -1)
    number[columns] = np.arange(len(columns))
    x = rows_of(own, FADING, items)
    hidden, taken = (np.zeros((len(whole.users), len(columns)), dtype=np.bool_) for _ in range(2))
    wants = np.diff(whole.truth.offsets)
    for mark, user, item in (
        (hidden, own.users, own.items),
        (taken, np.repeat(np.arange(len(wants)), wants), whole.truth.items),
    ):
        there = number[item] >= 0
        mark[user[there], number[item[there]]] = True
    scores = [(x @ part[:, columns]).toarray() for part in (parts.next, parts.alike, parts.kind)]
    options = [WEIGHTS if one.any() else (0.0,) for one in scores]
    tried: dict[ChosenDiscovery, float] = {}
    for half_life, *weights in product(popular, *options):
        total = np.tile(popular[half_life][columns], (len(wants), 1))
        for weight, one in zip(weights, scores, strict=True):
            total += np.float32(weight) * one
        total[hidden] = -np.inf
        top = best(total, SHOWN)
        hit = np.take_along_axis(taken, np.maximum(top, 0), axis=1) & (top >= 0)
        tried[ChosenDiscovery(DiscoveryWeights(*weights), half_life)] = float(ndcg(hit, wants).mean())
    found = max(tried, key=lambda one: tried[one])
    log_line("evaluate", "chosen", **found.weights._asdict(), popular=found.half_life, reached=tried[found])
    return found


@dataclass(frozen=True)
class MixPairs:
    """Pairs of a user and an item, to learn from."""

    features: NDArray[np.float64]
    """(P, F)."""
    taken: NDArray[np.bool_]
    """(P,): in the held-out events."""
    users: NDArray[np.int64]
    """(P,)."""


def mix(known: Problem, own_of: Own, found: Discovery, habits: Habits) -> mixture.Mixture:
    """Fit the mix on held-out events, and choose its shift. found, habits: learned from `known.train`."""
    blocks = [
        _pairs(known.with_users(rows), rows, own_of, found, habits)
        for rows in np.array_split(np.arange(len(known.given)), max(1, -(-len(known.given) // BLOCK)))
    ]
    again, new = (_joined([block[kind] for block in blocks]) for kind in (0, 1))
    mixed = mixture.fit(again.features, again.taken, new.features, new.taken)
    users, taken = np.concatenate([again.users, new.users]), np.concatenate([again.taken, new.taken])
    wants = np.diff(known.truth.offsets)
    reached: dict[float, float] = {}
    for shift in SHIFTS:
        odds = replace(mixed, shift=shift).odds(new.features)
        order = np.lexsort((-np.concatenate([mixed.again_odds(again.features), odds]), users))
        reached[shift] = list_ndcg(users[order], taken[order], wants)
    shift = max(SHIFTS, key=lambda one: reached[one])
    log_line("evaluate", "mixed", shift=shift, reached=reached[shift], unshifted=reached[0.0])
    return replace(mixed, shift=shift)


def _pairs(
    part: Problem, rows: NDArray[np.int64], own_of: Own, found: Discovery, habits: Habits
) -> tuple[MixPairs, MixPairs]:
    """Return what users have, and the NEW best of what they lack. rows: the users of `part` in the whole problem."""
    own = own_of(part.given, part.given_at)
    scores = found.scores(rows_of(own, FADING, len(found.popular)))
    taken = np.zeros(scores.shape, dtype=np.bool_)
    taken[np.repeat(np.arange(len(rows)), np.diff(part.truth.offsets)), part.truth.items] = True
    had = own.users, own.items
    again = MixPairs(mixture.again_features(own, habits, found.popular, scores[had]), taken[had], rows[own.users])
    scores[had] = -np.inf
    top = best(scores, NEW)
    user, place = np.nonzero(top >= 0)
    lacked = user, top[user, place]
    features = mixture.new_features(scores[lacked], mixture.user_features(own, habits)[user])
    return again, MixPairs(features, taken[lacked], rows[user])


def _joined(pairs: list[MixPairs]) -> MixPairs:
    return MixPairs(
        np.concatenate([one.features for one in pairs]),
        np.concatenate([one.taken for one in pairs]),
        np.concatenate([one.users for one in pairs]),
    )
