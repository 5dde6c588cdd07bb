"""What people take again, in closed form: the odds that a user takes an item again, as a score.

    score(u, i) = odds (c + a log(1 + m_ui) + b again_i + e r_i) + even

m_ui is how much the item counts in the user's history (`ScoreParameters.repeat_shares`); again_i, the log odds that
people who have the item take it a second time; r_i, what the network says of the item. A logistic regression finds c,
a, b and e on pairs of users and items that they had at the begin of the last windows of time: did the user take the
item in the window? Users who took nothing at all in it say nothing.

The network learns single days, and what it says of an item alone ranks repeats worse than these odds do.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.infra.logging import log_line
from jobs.models.behaviour.closed_form.histories import WINDOW, WINDOWS, faded
from jobs.models.repertoire import logistic
from jobs.models.repertoire.learn import DAYS, Events
from jobs.models.repertoire.own_items import Habits

MOST_EVENTS = 2_000_000
"""The odds are learned from the first users with so many events."""
LEAST = 200
"""Fewer repeats than these teach nothing; USUAL holds then."""
USUAL = (-4.0, 2.6, 0.5, 0.0)
"""c, a, b and e of two grocers' data."""


@dataclass(frozen=True)
class RepeatOdds:
    """What items gain that a user has."""

    count: float
    """What log(1 + m_ui) is multiplied by."""
    items: NDArray[np.float32]
    """What each item gains beside it, (n,)."""


def fit(events: Events, network: NDArray[np.float32], settings: TrainConfig) -> RepeatOdds:
    """Fit the odds. events: of items 0 … n - 1. network: r_i, (n,).

    Raises ArithmeticError when a weight of an event is not finite.
    """
    if not np.isfinite(np.asarray(events.weights)).all():
        raise ArithmeticError("a weight of an event is not finite")
    some = _first(events)
    windows = [_window(some, number, network, settings) for number in range(WINDOWS)]
    features, taken = np.concatenate([w.features for w in windows]), np.concatenate([w.taken for w in windows])
    found = logistic.fit(features, taken) if taken.sum() >= LEAST else np.asarray(USUAL)
    constant, count, again, own = found
    log_line("train", "repeat odds", pairs=len(taken), taken=int(taken.sum()), count=count, again=again, item=own)
    odds = constant + again * Habits.of(some.own(DAYS), len(network)).again + own * network
    return RepeatOdds(settings.odds * float(count), (settings.odds * odds + settings.even).astype(np.float32))


class _Window(NamedTuple):
    features: NDArray[np.float64]
    """Of the P pairs of a user and an item: log(1 + m_ui), again_i and r_i, (P, 3)."""
    taken: NDArray[np.bool_]
    """(P,)."""


def _window(events: Events, number: int, network: NDArray[np.float32], settings: TrainConfig) -> _Window:
    """Make the pairs of a window, of which the last has the number 0."""
    n, end = len(network), events.ends - number * WINDOW
    begin, until = end - WINDOW, events.before(end)
    known, later = events.before(begin), until.days >= begin[until.users]
    own = known.own(DAYS)
    pairs = own.users * n + own.items  # rising
    counts = np.bincount(np.searchsorted(pairs, known.users * n + known.items), faded(known, settings), len(pairs))
    active = np.bincount(until.users[later], minlength=len(end)) > 0
    asked = active[own.users]
    again = Habits.of(own, n).again
    features = np.stack([np.log1p(counts), again[own.items], network[own.items]], axis=1)
    taken = np.isin(pairs, until.users[later] * n + until.items[later])
    return _Window(features[asked], taken[asked])


def _first(events: Events) -> Events:
    """The first users that have no more than MOST_EVENTS events, at least one of them."""
    users = max(int(np.searchsorted(events.offsets, MOST_EVENTS, side="right")) - 1, min(len(events.ends), 1))
    count = events.offsets[users]
    weights = None if events.weights is None else events.weights[:count]
    return Events(events.offsets[: users + 1], events.items[:count], events.days[:count], events.ends[:users], weights)
