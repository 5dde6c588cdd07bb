"""What people take again, in closed form: the odds that a user takes an item again, as a score.

    score(u, i) = odds (c + a log(1 + m_ui) + b again_i + e_i) + even

m_ui is how much the item counts in the user's history (`ScoreParameters.repeat_shares`); again_i, the log odds that
people who have the item take it a second time. A logistic regression finds c, a and b on pairs of users and items that
they had at the begin of the last windows of time: did the user take the item in the window? Users who took nothing at
all in it say nothing. Two kinds of shops differ in the rest, and the windows say which one a shop is:

RECENT   What is bought of late is bought again, and what an item sold of late was a promotion: m_ui fades as `fading`
         says, and e_i is a share of what the network says of the item, shrunk where it has seen little of it.
STEADY   What was always bought is: in m_ui what fades and what never fades count alike, less where the user came often,
         and e_i is a constant of the item in the windows.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.infra.logging import log_line
from jobs.models.behaviour.closed_form.histories import WINDOW, WINDOWS, faded
from jobs.models.behaviour.encoding import Repeats
from jobs.models.repertoire import logistic
from jobs.models.repertoire.learn import DAYS, Events
from jobs.models.repertoire.own_items import Habits

MOST_EVENTS = 2_000_000
"""The odds are learned from the first users with so many events."""
LEAST = 200
"""Fewer repeats than these teach nothing; USUAL holds then."""
USUAL = (-4.0, 2.6, 0.5)
"""c, a and b of two grocers' data."""
SHRINK = 20.0
"""What the network says of an item with so many events counts half: it learned it from the same events."""
VARIANCE = 0.1
"""Of the constants of items. Both numbers were chosen on the validation parts of two grocers' data."""
RECENT, STEADY = "recent", "steady"
STEADY_POWER, STEADY_EVEN = 0.2, -2.0
"""`repeat_power` of a steady shop, and what is added to `even` there; chosen on the validation part of one of them."""
LISTED = 10
"""The kind of a shop is that whose lists of so many repeats are better."""


@dataclass(frozen=True)
class RepeatOdds:
    """What items gain that a user has."""

    repeats: Repeats
    """How m_ui is counted, and what log(1 + m_ui) is multiplied by."""
    items: NDArray[np.float32]
    """What each item gains beside it, (n,)."""


def fit(events: Events, network: NDArray[np.float32], settings: TrainConfig) -> RepeatOdds:
    """Fit the odds. events: of items 0 … n - 1. network: what the network says of each item, (n,).

    Raises ArithmeticError when a weight of an event is not finite.
    """
    if not np.isfinite(np.asarray(events.weights)).all():
        raise ArithmeticError("a weight of an event is not finite")
    some, n = _first(events), len(network)
    kinds = {RECENT: Repeats(1.0, tuple(settings.fading)), STEADY: Repeats(1.0, _steady(settings), STEADY_POWER)}
    windows = {kind: _windows(some, n, settings, repeats) for kind, repeats in kinds.items()}
    gains = {kind: _gain(pairs) for kind, pairs in windows.items()}
    kind = max(gains, key=lambda name: gains[name])
    pairs = windows[kind]
    own = _shrunk(network, np.bincount(some.items, minlength=n))
    if pairs.taken.sum() < LEAST:
        weights, items = np.asarray(USUAL), np.zeros(n)
    elif kind == RECENT:
        found = logistic.fit(np.column_stack([pairs.features, own[pairs.items]]), pairs.taken)
        weights, items = found[:-1], found[-1] * own
    else:
        weights, items = logistic.fit_groups(pairs.features, pairs.taken, pairs.items, n, VARIANCE)
    constant, count, again = (float(weight) for weight in weights)
    told = {name: round(gain, 4) for name, gain in gains.items()}
    log_line("train", "repeat odds", pairs=len(pairs.taken), kind=kind, **told, count=count, again=again)
    odds = constant + again * Habits.of(some.own(DAYS), n).again + items
    even = settings.even + (STEADY_EVEN if kind == STEADY else 0.0)
    repeats = kinds[kind]._replace(weight=settings.odds * count)
    return RepeatOdds(repeats, (settings.odds * odds + even).astype(np.float32))


class _Pairs(NamedTuple):
    """P pairs of a user and an item that the user had."""

    users: NDArray[np.int64]
    """The user of each, another number in each window, (P,)."""
    items: NDArray[np.int64]
    """(P,)."""
    features: NDArray[np.float64]
    """log(1 + m_ui) and again_i, (P, 2)."""
    taken: NDArray[np.bool_]
    """(P,)."""


def _windows(events: Events, items: int, settings: TrainConfig, repeats: Repeats) -> _Pairs:
    """The pairs of all windows."""
    found = [_window(events, number, items, settings, repeats) for number in range(WINDOWS)]
    return _Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _window(events: Events, number: int, n: int, settings: TrainConfig, repeats: Repeats) -> _Pairs:
    """The pairs of a window, of which the last has the number 0."""
    end = events.ends - number * WINDOW
    begin, until = end - WINDOW, events.before(end)
    known, later = events.before(begin), until.days >= begin[until.users]
    own = known.own(DAYS)
    pairs = own.users * n + own.items  # rising
    left = faded(known, settings, repeats.mix)
    total = np.bincount(np.searchsorted(pairs, known.users * n + known.items), left, len(pairs))
    active = np.bincount(until.users[later], minlength=len(end)) > 0
    asked = active[own.users]
    counts = total / np.maximum(own.baskets, 1)[own.users] ** repeats.power
    features = np.stack([np.log1p(counts), Habits.of(own, n).again[own.items]], axis=1)
    taken = np.isin(pairs, until.users[later] * n + until.items[later])
    users = own.users + number * len(end)
    return _Pairs(users[asked], own.items[asked].astype(np.int64), features[asked], taken[asked])


def _gain(pairs: _Pairs) -> float:
    """NDCG of each user's best LISTED pairs by the odds of their features, in the mean over users who took one."""
    if not pairs.taken.any():
        return 0.0
    odds = pairs.features @ logistic.fit(pairs.features, pairs.taken)[1:]
    gained, most = (_discounted(pairs, order) for order in (odds, pairs.taken))
    return float((gained[most > 0] / most[most > 0]).mean())


def _discounted(pairs: _Pairs, by: NDArray[np.generic]) -> NDArray[np.float64]:
    """The discounted gain of each user's pairs in this order, the highest first: (U,)."""
    order = np.lexsort((-by.astype(np.float64), pairs.users))
    users, taken = pairs.users[order], pairs.taken[order]
    place = np.arange(len(users)) - np.searchsorted(users, users)
    return np.asarray(np.bincount(users, (taken & (place < LISTED)) / np.log2(place + 2.0)), dtype=np.float64)


def _shrunk(network: NDArray[np.float32], events: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the network says of each item beside what it says of most, less where the item has few events, (n,)."""
    usual = float(np.median(network[events > 0])) if events.any() else 0.0
    return np.asarray((network - usual) * (events / (events + SHRINK)), dtype=np.float64)


def _steady(settings: TrainConfig) -> tuple[float, ...]:
    """What fades and what fades least count alike."""
    slowest = max(range(len(settings.half_lives)), key=lambda part: settings.half_lives[part] or np.inf)
    share = float(np.sum(settings.fading))
    return tuple(one + share * (part == slowest) for part, one in enumerate(settings.fading))


def _first(events: Events) -> Events:
    """The first users that have no more than MOST_EVENTS events, at least one of them."""
    users = max(int(np.searchsorted(events.offsets, MOST_EVENTS, side="right")) - 1, min(len(events.ends), 1))
    count = events.offsets[users]
    weights = None if events.weights is None else events.weights[:count]
    return Events(events.offsets[: users + 1], events.items[:count], events.days[:count], events.ends[:users], weights)
