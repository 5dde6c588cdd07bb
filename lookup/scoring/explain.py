"""Why an item is recommended: the score taken apart into the events of the history, exactly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.scoring.score_parameters import ScoreParameters, TransitionRows

WEIGHED, MOVED = 0.1, 0.01
"""A smaller share of the logit, and a smaller change of the score, are not put in words."""


@dataclass(frozen=True)
class Because:
    """What one item of the history gives to a score."""

    item_id: str
    share: float
    """Of the score, in its own unit; negative where the item speaks against."""
    times: int
    """How often the user had it."""
    age_days: float
    """Of the newest event."""


@dataclass(frozen=True)
class Feature:
    """What one feature gives, as the ranker weighs it."""

    name: str
    """A group of `lookup.scoring.features.GROUPS`."""
    share: float
    """Of the logit of a purchase, against the mean of what is shown."""
    gain: float
    """Of the score: what it adds because it is not as it was at night."""


@dataclass(frozen=True)
class Used:
    """A patch of the item that holds."""

    field: str
    value: Any
    age: float
    """Seconds since it came to be so."""
    source: str
    """Who said so."""


@dataclass(frozen=True)
class Explanation:
    """Why an item has its score for a user: the sum of the shares of `because`, `bias`, `again` and `gain`."""

    item_id: str
    score: float
    because: tuple[Because, ...]
    """The items of the history, the largest share first."""
    bias: float
    """What the item has for everybody: how often it is had at all."""
    again: float
    """What the item has because this user had it before; 0 where not."""
    gain: float = 0.0
    """What it has because of what changed since the night: the sum of the gains of `features`."""
    features: tuple[Feature, ...] = ()
    """Those of the ranker, the largest share first (by size); empty where a release has none."""
    patches: tuple[Used, ...] = ()
    """What is patched of the item."""

    @property
    def sentence(self) -> str:
        """The explanation as a sentence, with ids in place of names."""
        most = [one.item_id for one in self.because[:3] if one.share > 0]
        parts = []
        if self.again > 0:
            times = next((one.times for one in self.because if one.item_id == self.item_id), 0)
            parts.append("it was had before" + (f", {times} times" if times > 1 else ""))
        others = [item for item in most if item != self.item_id]
        if others:
            parts.append("it goes with " + _listed(others))
        if not parts:
            parts.append("it is popular" if not self.because else "it is the best of what is left")
        weighed = [(one.share, one.name) for one in self.features if abs(one.share) >= WEIGHED and one.name != "score"]
        parts += _in_words(weighed)
        moved = [(one.gain, f"its new {one.name}") for one in self.features if abs(one.gain) >= MOVED]
        parts += _in_words(sorted(moved, key=lambda one: -abs(one[0])))
        return f"{self.item_id}: " + "; ".join(parts)


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
    """How much each item of a history gives to the scores of some items i.

    The vector of a user is a sum over events, divided by its length: so is its product with an item vector. Beside it
    stands what follows the events' items. rows: item rows of the n events. inputs, ages, weights: of them, as of
    `UserEncoder.user_vector`. transitions: of these rows. vectors: v_i, (m, D). items: the rows of i, (m,).

    Returns the h different rows of the history, rising, and their shares, float64 (h, m). With the bias of v_i (`kept`
    times it, where the user had i), and what i gains for having been had, they add up to the score of i.
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
    likes *= np.where(np.isin(items, rows), parameters.kept_share, 1.0)
    for column in range(transitions.next_items.shape[1]):
        there = transitions.next_items[:, column : column + 1] == items
        gain = parameters.transition_shares(ages, weights) * transitions.next_weights[:, column]
        likes += np.where(there, gain[:, None], 0.0)
    found, place = np.unique(rows, return_inverse=True)
    shares = np.zeros((len(found), len(items)))
    np.add.at(shares, place, likes)
    return found, shares


def _in_words(weighed: list[tuple[float, str]]) -> list[str]:
    """What the first two do, or nothing."""
    said = [f"{name} {'raises' if share > 0 else 'lowers'} it" for share, name in weighed[:2]]
    return [_listed(said)] if said else []


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
