"""Pairs of queries with items that can be looked up."""

from typing import NamedTuple

import torch

from jobs.ranking.inputs import Pairs


class KeyedPairs(NamedTuple):
    """Pairs ordered by query, then item."""

    keys: torch.Tensor
    """Query x N + item, rising; int64."""
    pairs: Pairs

    @classmethod
    def of(cls, pairs: Pairs, size: int) -> "KeyedPairs":
        """Order pairs. size: N, how many items there are."""
        keys, order = (pairs.rows * size + pairs.items).sort()
        return cls(keys, pairs.where(order))

    def where(self, chosen: torch.Tensor) -> "KeyedPairs":
        """Return some of the pairs. chosen: bool."""
        return KeyedPairs(self.keys[chosen], self.pairs.where(chosen))

    def holds(self, keys: torch.Tensor) -> torch.Tensor:
        """Say which keys are those of a pair."""
        if len(self.keys) == 0:
            return torch.zeros_like(keys, dtype=torch.bool)
        return self.keys[torch.searchsorted(self.keys, keys).clamp_(max=len(self.keys) - 1)] == keys
