"""Why an item is recommended: the score taken apart into the events of the history, exactly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.encoder import Encoder, Following


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
    """What one feature of the ranker gives."""

    name: str
    value: float
    """As patched now."""
    share: float
    """Of the logit."""


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
    """Why an item has its score for a user. `score` is the sum of the shares of `because`, `bias` and `again`."""

    item_id: str
    score: float
    because: tuple[Because, ...]
    """The items of the history, the largest share first."""
    bias: float
    """What the item has for everybody: how often it is had at all."""
    again: float
    """What the item has because this user had it before; 0 where not."""
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
        moved = [one for one in self.features if abs(one.share) >= 0.1][:2]
        if moved:
            parts.append(_listed([f"{one.name} {'raises' if one.share > 0 else 'lowers'} it" for one in moved]))
        return f"{self.item_id}: " + "; ".join(parts)


def event_shares(
    encoder: Encoder,
    inputs: NDArray[np.float32],
    ages: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    vector: NDArray[np.float32],
    following: Following,
    item: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much each event of a history gives to u . v_i, and to it as what it follows; both float64 (n,).

    The vector of a user is a sum over events, divided by its length: so is its product with an item vector. inputs,
    ages, weights: as of `Encoder.user_vector`. vector: v_i, (D,). following: of the events' items. item: the row of i.
    All of it and v_i's bias add up to the score of an item that the user never had.
    """
    left = weights[:, None] * (encoder.fading(ages) @ np.asarray(encoder.mix).T)
    shares = np.zeros(len(ages))
    start = 0
    for head, width in enumerate(encoder.widths):
        part = inputs[:, start : start + width].astype(np.float64) * left[:, head : head + 1]
        length = float(np.linalg.norm(part.sum(0)))
        if length > 0:
            shares += part @ vector[start : start + width].astype(np.float64) / length
        start += width
    there = following.next_items == item
    follows = np.where(there, following.next_weights, np.float32(0)).sum(1)
    return shares, np.asarray(encoder.next_shares(ages, weights) * follows, dtype=np.float64)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
