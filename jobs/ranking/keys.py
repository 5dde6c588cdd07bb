"""One integer holds score and item, so that keys compare by score, then by the lower item row, and no two are equal.

The bits of a float compare like an integer once the magnitude bits of negative numbers are inverted.
"""

import torch

NOTHING = torch.iinfo(torch.int64).min
"""The key of no item; below every other."""
LOW = 0xFFFFFFFF


def keys_of(scores: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Return int64 keys. scores: float32, items: rows, both of one shape."""
    bits = (scores + 0.0).view(torch.int32)  # adding turns -0.0 into 0.0
    return (bits ^ (bits >> 31 & 0x7FFFFFFF)).to(torch.int64) << 32 | LOW - items.to(torch.int64)


def score_of(keys: torch.Tensor) -> torch.Tensor:
    """Return the scores of keys, float32."""
    bits = (keys >> 32).to(torch.int32)
    return (bits ^ (bits >> 31 & 0x7FFFFFFF)).view(torch.float32)


def item_of(keys: torch.Tensor) -> torch.Tensor:
    """Return the items of keys, int64."""
    return LOW - (keys & LOW)


def decode(keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return items, int32, and scores, float32, of keys: -1 and 0 where there is none."""
    none = keys == NOTHING
    return item_of(keys).masked_fill_(none, -1).to(torch.int32), score_of(keys).masked_fill_(none, 0.0)


def merged(best: torch.Tensor, rows: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Return the best of sorted lists, (n, k), and of more keys. rows: the list of each of these, rising."""
    n, k = best.shape
    better = keys > best[rows, -1]
    rows, keys = rows[better], keys[better]
    count = torch.bincount(rows, minlength=n)
    place = torch.arange(len(rows), device=rows.device) - (count.cumsum(0) - count)[rows]
    both = torch.full((n, k + (int(count.max()) if n else 0)), NOTHING, device=best.device)
    both[:, :k] = best
    both[rows, k + place] = keys
    return both.topk(k, dim=1).values
