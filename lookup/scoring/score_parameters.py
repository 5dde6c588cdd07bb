"""The score of an item for a user: the product of their vectors, and what the history adds to it.

    score(i) = u . v_i + sum_j n_j next(item_j, i),    n_j = m_nj / (sum_j m_nj) ** transition_power

u is the vector of the user (`lookup.scoring.user_encoder`), and j runs over the events of the history. next(j, i) is
the weight of the transition from item j to item i (array `item_next_weight`). An item that the user already bought or
viewed keeps kept_share of u . v_i and kept_next of its transitions, and gains

    repeat_weight * log(1 + sum_j m_rj [item_j = i]) + item_repeat_i

Both m_nj and m_rj have the form of the user vector's m_hj, with the mixes `transition_mix` and `repeat_mix`; m_rj is
divided by days ** repeat_power, where days is how many different days the history has.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError
from lookup.scoring.user_encoder import UserEncoder

DENSE = 8
"""Sums are kept for all rows up to the highest where at least one in so many rows is there; sorting takes longer."""
MOST = 1e6
"""No weight of a repeat is larger in size."""


class HistoryShares(NamedTuple):
    """A history of n events, or of n different items: which items, and how much each counts."""

    rows: NDArray[np.int32]
    """Item rows, (n,)."""
    transitions: NDArray[np.float32]
    """n_j, (n,): see `ScoreParameters.transition_shares`."""
    repeats: NDArray[np.float32]
    """m_rj, (n,): see `ScoreParameters.repeat_shares`."""


class TransitionRows(NamedTuple):
    """The rows of three arrays of a release, for n items."""

    next_items: NDArray[np.int32]
    """Of `item_next_item`, (n, N); negative after the last transition of an item."""
    next_weights: NDArray[np.float32]
    """Of `item_next_weight`, (n, N)."""
    item_repeat: NDArray[np.float32]
    """Of `item_repeat`, (n,)."""


@dataclass(frozen=True)
class ScoreParameters:
    """The numbers of a score: the user encoder, and what a history adds beside the user's vector.

    The manifest stores all of them under `encoder`.
    """

    encoder: UserEncoder
    transition_mix: tuple[float, ...]
    """How transitions decay: one number for each half-life, as in a row of `UserEncoder.mix`. JSON: `next_mix`."""
    transition_power: float
    """0 adds the transitions of all events up; 1 takes their mean. JSON: `next_power`."""
    repeat_mix: tuple[float, ...]
    """How repeats decay: as `transition_mix`."""
    repeat_weight: float
    """How much the score of an item rises with how often the user bought or viewed it. JSON: `repeat`."""
    kept_share: float
    """The share of u . v that an item keeps when the history holds it, 0 to 1. JSON: `kept`."""
    kept_next: float = field(default=1.0, metadata={"since": 6})
    """The share of what transitions add that an item keeps when the history holds it, 0 to 1."""
    repeat_power: float = field(default=0.0, metadata={"since": 7})
    """0: how often the user took an item counts; 1: on which part of the user's days."""

    def to_json(self) -> dict[str, Any]:
        """All numbers as the manifest stores them under `encoder`."""
        return {
            **self.encoder.to_json(),
            "next_mix": self.transition_mix,
            "next_power": self.transition_power,
            "repeat_mix": self.repeat_mix,
            "repeat": self.repeat_weight,
            "kept": self.kept_share,
            "kept_next": self.kept_next,
            "repeat_power": self.repeat_power,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ScoreParameters":
        """Read the numbers from the manifest's `encoder`.

        Raises ReleaseError when a field is missing or unreadable.
        """
        encoder = UserEncoder.from_json(data)
        try:
            made = cls(
                encoder,
                transition_mix=tuple(float(m) for m in data["next_mix"]),
                transition_power=float(data["next_power"]),
                repeat_mix=tuple(float(m) for m in data["repeat_mix"]),
                repeat_weight=float(data["repeat"]),
                kept_share=float(data["kept"]),
                kept_next=float(data.get("kept_next", 1.0)),
                repeat_power=float(data.get("repeat_power", 0.0)),
            )
            encoder.check_mix(made.transition_mix)
            encoder.check_mix(made.repeat_mix)
            shares = made.transition_power, made.kept_share, made.kept_next, made.repeat_power
            if not (all(0 <= share <= 1 for share in shares) and abs(made.repeat_weight) <= MOST):
                raise ValueError("kept, kept_next and both powers are from 0 to 1, and repeat is a small number")
            return made
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ReleaseError(f"the manifest's encoder is not readable: {error!r} in {data!r}") from error

    def transition_shares(self, ages: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """n_j: how much the transitions from each event's item count, float32 (n,).

        ages, weights: as in `UserEncoder.user_vector`.
        """
        left = weights * (self.encoder.decay(ages) @ np.asarray(self.transition_mix))
        total = float(left.sum())
        return np.asarray(left / total**self.transition_power if total > 0.0 else left, dtype=np.float32)

    def repeat_shares(self, ages: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """m_rj: how much each event counts among those of its item, float32 (n,).

        ages, weights: as in `UserEncoder.user_vector`.
        """
        left = weights * (self.encoder.decay(ages) @ np.asarray(self.repeat_mix))
        if self.repeat_power and len(ages):
            left /= len(np.unique(ages)) ** self.repeat_power
        return np.asarray(left, dtype=np.float32)

    def repeat_terms(
        self, rows: NDArray[np.int32], repeats: NDArray[np.float32], item_repeat: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
        """What items gain because the history holds them, without what `kept_share` and `kept_next` take away.

        rows, repeats: as in `HistoryShares`, (n,). item_repeat: of these rows, (n,).

        Returns the m different rows, rising; the first place of each in `rows`; and the gains, float64 (m,).
        """
        different, first, place = np.unique(rows, return_index=True, return_inverse=True)
        counts = np.bincount(place, weights=repeats, minlength=len(different))
        return different, first, self.repeat_weight * np.log1p(counts) + item_repeat[first]

    def item_terms(
        self, history: HistoryShares, transitions: TransitionRows, scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The items whose score differs from u . v, and by how much.

        transitions: of the rows of `history`. scores: u . v of these rows, (n,).

        Returns the m different item rows, rising, int32 (m,), and what to add to u . v, float32 (m,).
        """
        rows, shares, repeats = history
        repeated, first, gains = self.repeat_terms(rows, repeats, transitions.item_repeat)
        gains += (self.kept_share - 1.0) * scores[first]
        # An item that comes again has the same transitions: they are added once, with all of its shares.
        share = np.bincount(np.searchsorted(repeated, rows), weights=shares, minlength=len(repeated)).astype(np.float32)
        next_items = transitions.next_items[first]
        added = transitions.next_weights[first] * share[:, None]
        if next_items.size and next_items[:, -1].min() < 0:
            there = next_items >= 0
            next_items, added = next_items[there], added[there]
        items = np.concatenate([next_items.ravel(), repeated])
        found, total = _summed(items, np.concatenate([added.ravel(), np.zeros(len(repeated), dtype=np.float32)]))
        had = np.searchsorted(found, repeated)
        total[had] = self.kept_next * total[had] + gains.astype(np.float32)
        return found.astype(np.int32), total


def _summed(items: NDArray[np.int32], values: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The different items, rising, and the sum of the values of each."""
    if len(items) and int(items.max()) < DENSE * len(items):
        found = np.flatnonzero(np.bincount(items))
        return found, np.bincount(items, weights=values)[found].astype(np.float32)
    found, place = np.unique(items, return_inverse=True)
    return found, np.bincount(place, weights=values, minlength=len(found)).astype(np.float32)
