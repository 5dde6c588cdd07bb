"""The vector of a user: one numpy function, called by the night's jobs and by the day's lookups alike."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError


class HistoryShares(NamedTuple):
    """A history: n events, or n different items."""

    rows: NDArray[np.int32]
    """Item rows, (n,)."""
    shares: NDArray[np.float32]
    """Of `UserEncoder.next_shares`, (n,)."""
    repeats: NDArray[np.float32]
    """Of `UserEncoder.repeat_shares`, (n,)."""


class TransitionRows(NamedTuple):
    """The rows of three arrays for n items."""

    next_items: NDArray[np.int32]
    """Of `item_next_item`, (n, N)."""
    next_weights: NDArray[np.float32]
    """Of `item_next_weight`, (n, N)."""
    item_repeat: NDArray[np.float32]
    """(n,)."""


@dataclass(frozen=True)
class UserEncoder:
    """The numbers of the user vector and of what a history adds beside it, stored in the manifest under `encoder`.

    A vector has one part a head, and last the bias. The part of head h is

        u_h = unit(sum_j m_hj x_j),    m_hj = weight_j * sum_k mix_hk * 2 ** (-age_j / half_life_k)

    over the events j of the history, unit(a) = a / |a|, and u[bias] = 1, so that the inner product with an item vector
    adds the item's bias. Beside it stand the items that follow what the user had: the score of item i for a user is

        u . v_i + sum_j n_j next(item_j, i),    n_j = m_nj / (sum_j m_nj) ** next_power

    with m_nj as above by `next_mix`, and next(j, i) the weight of i among the followers of j (array
    `item_next_weight`). For an item that the user had, kept * (u . v_i) stands in place of u . v_i, and the score is
    more by, with m_rj as above by `repeat_mix`,

        repeat * log(1 + sum_j m_rj [item_j = i]) + item_repeat_i
    """

    half_lives: tuple[float, ...]
    """In days; each positive, or infinity for a part that never fades (written as 0 in JSON)."""
    mix: tuple[tuple[float, ...], ...]
    """One row a head, each as long as `half_lives`; non-negative."""
    widths: tuple[int, ...]
    """Coordinates of each head's part; after them comes the bias."""
    next_mix: tuple[float, ...]
    """As a row of `mix`, for the followers."""
    next_power: float
    """0: a plain sum; 1: a mean."""
    repeat_mix: tuple[float, ...]
    """As a row of `mix`, for what the user had."""
    repeat: float
    """How much more an item is wanted that the user had more often."""
    kept: float
    """How much of u . v counts for an item that the user had."""

    def to_json(self) -> dict[str, Any]:
        """As written to the manifest."""
        data = asdict(self)
        data["half_lives"] = [0.0 if np.isinf(h) else h for h in self.half_lives]
        return data

    @property
    def bias(self) -> int:
        """The coordinate of the vector that holds the item's bias: the last."""
        return sum(self.widths)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "UserEncoder":
        """As read from the manifest.

        Raises ReleaseError when a field is missing.
        """
        try:
            return cls(
                half_lives=tuple(float(h) or float("inf") for h in data["half_lives"]),
                mix=tuple(tuple(float(m) for m in head) for head in data["mix"]),
                widths=tuple(int(w) for w in data["widths"]),
                next_mix=tuple(float(m) for m in data["next_mix"]),
                next_power=float(data["next_power"]),
                repeat_mix=tuple(float(m) for m in data["repeat_mix"]),
                repeat=float(data["repeat"]),
                kept=float(data["kept"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"the manifest's encoder is not readable: {error!r} in {data!r}") from error

    def fading(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is left of an event by each half-life: ages in days, (n,), below 0 as 0; returns (n, half-lives)."""
        return np.asarray(np.exp2(-np.maximum(ages, 0.0)[:, None] / np.asarray(self.half_lives)), dtype=np.float64)

    def user_vector(
        self, inputs: NDArray[np.float32], ages: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """The vector of a user from the history.

        inputs: rows of `item_input` for the items of the history, shape (n, D). ages: days, shape (n,), below 0 as 0.
        weights: shape (n,), of the event types. Returns shape (D,), float32; with an empty history only the bias
        coordinate is set, so that the scores are those of the item biases.
        """
        vector = np.empty(inputs.shape[1], dtype=np.float32)
        left = (weights[:, None] * (self.fading(ages) @ np.asarray(self.mix).T)).astype(np.float32)
        start = 0
        for head, width in enumerate(self.widths):
            part = vector[start : start + width]
            np.dot(left[:, head], inputs[:, start : start + width], out=part)
            length = float(np.dot(part, part)) ** 0.5
            if length > 0.0:
                part /= length
            start += width
        vector[start] = 1.0
        return vector

    def directions(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Items as read for similarity: the inner product of two is the mean of the cosines of behaviour and of text.

        vectors: of items, (n, D). Returns float32 (n, D - 1). An item without one of the parts counts 0 there.
        """
        text = self.widths[-1]
        parts = vectors[:, : self.bias - text], vectors[:, self.bias - text : self.bias]
        return np.concatenate([_unit(part) * np.float32(0.5**0.5) for part in parts], axis=1)

    def next_shares(self, ages: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """n_j: how much the followers of each event's item count, float32 (n,); ages, weights: see `user_vector`."""
        left = weights * (self.fading(ages) @ np.asarray(self.next_mix))
        total = float(left.sum())
        return np.asarray(left / total**self.next_power if total > 0.0 else left, dtype=np.float32)

    def repeat_shares(self, ages: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """m_rj: how much each event counts among those of its item, float32 (n,); ages, weights: see `user_vector`."""
        return np.asarray(weights * (self.fading(ages) @ np.asarray(self.repeat_mix)), dtype=np.float32)

    def again(
        self, rows: NDArray[np.int32], repeats: NDArray[np.float32], item_repeat: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
        """What items gain for having been had, beside what `kept` takes from them.

        rows, repeats: as of `HistoryShares`, (n,). item_repeat: of these rows, (n,). Returns the different rows,
        rising, (m,),
        where each stands first in `rows`, and the gains, float64 (m,).
        """
        own, first, at = np.unique(rows, return_index=True, return_inverse=True)
        gains = self.repeat * np.log1p(np.bincount(at, weights=repeats, minlength=len(own))) + item_repeat[first]
        return own, first, gains

    def item_terms(
        self, had: HistoryShares, following: TransitionRows, scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """What is added to u . v: the items that a history changes the score of, and by how much.

        following: of the rows of `had`. scores: u . v of these rows, (n,). Returns different item rows, rising, int32
        (m,), and float32 (m,).
        """
        rows, shares, repeats = had
        next_items, next_weights, item_repeat = following
        there = next_items >= 0
        items = np.concatenate([next_items[there], rows])
        added = np.concatenate([(next_weights * shares[:, None])[there], np.zeros(len(rows), dtype=np.float32)])
        found, place = np.unique(items, return_inverse=True)
        total = np.bincount(place, weights=added, minlength=len(found)).astype(np.float32)
        own, first, again = self.again(rows, repeats, item_repeat)
        again += (self.kept - 1.0) * scores[first]
        total[np.searchsorted(found, own)] += again.astype(np.float32)
        return found.astype(np.int32), total


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0)[:, None], dtype=np.float32)
