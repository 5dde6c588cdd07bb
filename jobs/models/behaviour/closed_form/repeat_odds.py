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

from collections.abc import Sequence
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
from jobs.models.repertoire.list_quality import list_ndcg
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
    pairs = _windows(some, n, settings, list(kinds.values()))
    features = {kind: pairs.features(number) for number, kind in enumerate(kinds)}
    own = _shrunk(network, np.bincount(some.items, minlength=n))
    gains = {kind: _gain(pairs, columns) for kind, columns in features.items()} if pairs.taken.sum() >= LEAST else {}
    kind = max(gains, key=lambda name: gains[name], default=RECENT)
    if not gains:
        weights, items = np.asarray(USUAL), np.zeros(n)
    elif kind == RECENT:
        found = logistic.fit(np.column_stack([features[kind], own[pairs.items]]), pairs.taken)
        weights, items = found[:-1], found[-1] * own
    else:
        weights, items = logistic.fit_groups(features[kind], pairs.taken, pairs.items, n, VARIANCE)
    constant, count, again = (float(weight) for weight in weights)
    log_line("train", "repeat odds", pairs=len(pairs.taken), kind=kind, **gains, count=count, again=again)
    odds = constant + again * Habits.of(some.own(DAYS), n).again + items
    even = settings.even + (STEADY_EVEN if kind == STEADY else 0.0)
    repeats = kinds[kind]._replace(weight=settings.odds * count)
    return RepeatOdds(repeats, (settings.odds * odds + even).astype(np.float32))


class _Pairs(NamedTuple):
    """P pairs of a user and an item that the user had."""

    users: NDArray[np.int64]
    """The user of each, another number in each window, rising, (P,)."""
    items: NDArray[np.int64]
    """(P,)."""
    counts: NDArray[np.float64]
    """m_ui of each kind, (P, K)."""
    again: NDArray[np.float64]
    """again_i, (P,)."""
    taken: NDArray[np.bool_]
    """(P,)."""

    def features(self, kind: int) -> NDArray[np.float64]:
        """log(1 + m_ui) of one kind, and again_i, (P, 2)."""
        return np.stack([np.log1p(self.counts[:, kind]), self.again], axis=1)


def _windows(events: Events, items: int, settings: TrainConfig, kinds: Sequence[Repeats]) -> _Pairs:
    """The pairs of all windows. kinds: K."""
    found = [_window(events, number, items, settings, kinds) for number in range(WINDOWS)]
    return _Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _window(events: Events, number: int, n: int, settings: TrainConfig, kinds: Sequence[Repeats]) -> _Pairs:
    """The pairs of a window, of which the last has the number 0."""
    end = events.ends - number * WINDOW
    begin, until = end - WINDOW, events.before(end)
    known, later = events.before(begin), until.days >= begin[until.users]
    own = known.own(DAYS)
    pairs = own.users * n + own.items  # rising
    place = np.searchsorted(pairs, known.users * n + known.items)
    days = np.maximum(own.baskets, 1)[own.users]
    counts = [np.bincount(place, faded(known, settings, one.mix), len(pairs)) / days**one.power for one in kinds]
    active = np.bincount(until.users[later], minlength=len(end)) > 0
    asked = active[own.users]
    again = Habits.of(own, n).again[own.items]
    taken = np.isin(pairs, until.users[later] * n + until.items[later])
    users = own.users + number * len(end)
    return _Pairs(
        users[asked],
        own.items[asked].astype(np.int64),
        np.stack(counts, axis=1)[asked],
        again[asked],
        taken[asked],
    )


def _gain(pairs: _Pairs, features: NDArray[np.float64]) -> float:
    """NDCG of each user's pairs by the odds of these features, in the mean over users who took one."""
    odds = features @ logistic.fit(features, pairs.taken)[1:]
    order = np.lexsort((-odds, pairs.users))
    wants = np.bincount(pairs.users, pairs.taken).astype(np.int64)
    took = wants[pairs.users[order]] > 0
    _, users = np.unique(pairs.users[order][took], return_inverse=True)
    return list_ndcg(users, pairs.taken[order][took], wants[wants > 0])


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
