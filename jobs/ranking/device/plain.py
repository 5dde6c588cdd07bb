"""The coarse pass in plain torch, for devices without Triton: more traffic to memory."""

import torch

from jobs.ranking.device.items import DeviceItems
from jobs.ranking.inputs import Pairs
from jobs.ranking.keys import NOTHING, keys_of

ROUNDING = 2.0**-8
"""Scores are rounded to bfloat16: by at most this share of the product of both norms."""
SCORES = 1 << 28
"""Scores that are held at a time."""
STRIPE = 32


def maxima(queries: torch.Tensor, coarse: torch.Tensor, w: int) -> torch.Tensor:
    """Return the largest score of each query in each tile of w items, float32, shape (n, len(coarse) / w)."""
    step = max(w, SCORES // max(len(queries), 1) // w * w)
    parts = [torch.mm(queries, part.T).view(len(queries), -1, w).amax(2) for part in coarse.split(step)]
    return torch.cat(parts, dim=1).float()


def survivors(
    queries: torch.Tensor, items: DeviceItems, thresholds: torch.Tensor, expected: float, room: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return candidates, int32 (n, room), how many each query has, and whether those are all."""
    n = len(queries)
    # Rounded down, so that no score above the threshold is lost.
    limit = thresholds.to(queries.dtype)
    limit = torch.where(limit.float() > thresholds, torch.nextafter(limit, torch.full_like(limit, -torch.inf)), limit)
    found = []
    step = max(STRIPE, min(1 << 16, SCORES // max(n, 1)) // STRIPE * STRIPE)
    for first in range(0, len(items.coarse), step):
        tile = torch.mm(queries, items.coarse[first : first + step].T)
        width = tile.shape[1] // STRIPE
        groups = tile.view(n, STRIPE, width)
        row, stripe = (groups.amax(1) > limit[:, None]).nonzero(as_tuple=True)
        hit, member = (groups[row, :, stripe] > limit[row][:, None]).nonzero(as_tuple=True)
        item = items.order[first + member * width + stripe[hit]]
        real = item >= 0
        found.append((row[hit][real], item[real]))
    rows, chosen = (torch.cat(part) for part in zip(*found, strict=True))
    rows, by = rows.sort(stable=True)
    total = torch.bincount(rows, minlength=n)
    place = torch.arange(len(rows), device=rows.device) - (total.cumsum(0) - total)[rows]
    candidates = torch.full((n, room), -1, dtype=torch.int32, device=rows.device)
    inside = place < room
    candidates[rows[inside], place[inside]] = chosen[by][inside]
    return candidates, total.to(torch.int32), total <= room


def rescore(queries: torch.Tensor, rows: torch.Tensor, candidates: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Return the keys of candidates by their float32 products, NOTHING after the last; int64, shape (n, room)."""
    n, room = candidates.shape
    keys = torch.full((n, room), NOTHING, device=queries.device)
    used = min(int(found.max()), room) if n else 0
    step = max(1, SCORES // 4 // max(1, used * rows.shape[1]))
    for first in range(0, n, step):
        part = slice(first, first + step)
        own = candidates[part, :used]
        free = torch.arange(used, device=own.device) >= found[part, None]
        scores = torch.bmm(rows[own.masked_fill(free, 0).long()], queries[part, :, None])[:, :, 0]
        keys[part, :used] = keys_of(scores, own).masked_fill_(free, NOTHING)
    return keys


def products(pairs: Pairs, queries: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return the float32 product of each pair."""
    step = max(1, SCORES // 4 // max(1, rows.shape[1]))
    parts = [
        torch.linalg.vecdot(queries[row], rows[item])
        for row, item in zip(pairs.rows.split(step), pairs.items.split(step), strict=True)
    ]
    return torch.cat(parts)
