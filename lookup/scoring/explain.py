"""Explanations: a score taken apart into the shares of the history's items, exactly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.scoring.score_parameters import ScoreParameters, TransitionRows

WEIGHED, MOVED = 0.1, 0.01
"""The sentence leaves out smaller shares of the logit, and smaller changes of the score."""


@dataclass(frozen=True)
class Because:
    """What one item of the history contributes to a score."""

    item_id: str
    share: float
    """In the unit of the score; negative where the item lowers the score."""
    times: int
    """How many events of the history are with this item."""
    age_days: float
    """Of the newest event."""
    title: str | None = None
    """Of the item, where it has one."""


@dataclass(frozen=True)
class Feature:
    """What one feature of the ranker contributes."""

    name: str
    """Of `lookup.scoring.features.GROUPS`."""
    share: float
    """Of the logit of a purchase, compared with the mean of all impressions."""
    gain: float
    """Of the score: what the feature adds because it changed since the night."""


@dataclass(frozen=True)
class Used:
    """A statement of a patch that holds for the item."""

    field: str
    value: Any
    age: float
    """Seconds since the statement's `at`."""
    source: str
    """Who stated it."""


@dataclass(frozen=True)
class Explanation:
    """Why an item has its score for a user. The shares of `because`, `bias`, `again` and `gain` add up to `score`."""

    item_id: str
    score: float
    because: tuple[Because, ...]
    """The items of the history, the largest share first."""
    bias: float
    """The item's share for every user: how popular it is."""
    again: float
    """What the item gains because this user bought or viewed it before; else 0."""
    gain: float = 0.0
    """The rerank delta: what changes since the night add, the sum of the gains of `features`."""
    features: tuple[Feature, ...] = ()
    """The ranker's features, the largest absolute share first; empty in a release without a ranker."""
    patches: tuple[Used, ...] = ()
    """The statements that hold for the item."""
    title: str | None = None
    """Of the item, where it has one."""

    @property
    def sentence(self) -> str:
        """The explanation as a sentence; it names items by their titles, or by their ids where they have none."""
        parts = []
        if self.again > 0:
            times = next((one.times for one in self.because if one.item_id == self.item_id), 0)
            parts.append("it was bought or viewed before" + (f", {times} times" if times > 1 else ""))
        most = [one for one in self.because[:3] if one.share > 0]
        others = [one.title or one.item_id for one in most if one.item_id != self.item_id]
        if others:
            parts.append("it goes with " + _listed(others))
        if not parts:
            parts.append("it is popular" if not self.because else "it is the best of what is left")
        weighed = [(one.share, one.name) for one in self.features if abs(one.share) >= WEIGHED and one.name != "score"]
        parts += _in_words(weighed)
        moved = [(one.gain, f"its new {one.name}") for one in self.features if abs(one.gain) >= MOVED]
        parts += _in_words(sorted(moved, key=lambda one: -abs(one[0])))
        return f"{self.title or self.item_id}: " + "; ".join(parts)


def item_shares(
    parameters: ScoreParameters,
    rows: NDArray[np.int32],
    inputs: NDArray[np.float32],
    *,
    ages: NDArray[np.float64],
    weights: NDArray[np.float64],
    transitions: TransitionRows,
    vectors: NDArray[np.float32],
    items: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """How much each item of a history contributes to the scores of some items i.

    The vector of a user is a sum over events, divided by its length, and so is its product with an item vector. The
    transitions from the events' items add to it.

    rows: item rows of the n events. inputs, ages, weights: of the events, as in `UserEncoder.user_vector`. transitions:
    of these rows. vectors: v_i, (m, D). items: the rows of i, (m,).

    Returns the h different rows of the history, rising, and their shares, float64 (h, m). The score of i is the sum of
    its shares, the bias of v_i (times `kept_share` where the history holds i), and the term of
    `ScoreParameters.repeat_terms` for i.
    """
    encoder = parameters.encoder
    left = weights[:, None] * (encoder.decay(ages) @ np.asarray(encoder.mix).T)
    likes = np.zeros((len(rows), len(items)))
    start = 0
    for head, width in enumerate(encoder.widths):
        part = inputs[:, start : start + width].astype(np.float64) * left[:, head : head + 1]
        length = float(np.linalg.norm(part.sum(0)))
        if length > 0:
            likes += part @ vectors[:, start : start + width].T.astype(np.float64) / length
        start += width
    had = np.isin(items, rows)
    likes *= np.where(had, parameters.kept_share, 1.0)
    kept = np.where(had, parameters.kept_next, 1.0)
    for column in range(transitions.next_items.shape[1]):
        there = transitions.next_items[:, column : column + 1] == items
        gain = parameters.transition_shares(ages, weights) * transitions.next_weights[:, column]
        likes += np.where(there, gain[:, None] * kept, 0.0)
    found, place = np.unique(rows, return_inverse=True)
    shares = np.zeros((len(found), len(items)))
    np.add.at(shares, place, likes)
    return found, shares


def _in_words(weighed: list[tuple[float, str]]) -> list[str]:
    """The first two in words; an empty list for none."""
    said = [f"{name} {'raises' if share > 0 else 'lowers'} it" for share, name in weighed[:2]]
    return [_listed(said)] if said else []


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
