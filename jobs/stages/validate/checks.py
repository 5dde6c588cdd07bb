"""The checks of a release. Each is pure and returns findings; it goes through arrays block by block."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.infra.blocks import BLOCK_ROWS
from jobs.infra.tables import CHALLENGER
from jobs.stages.validate.finding import Finding, FindingKind
from lookup.keys import Keys
from lookup.release.arrays import settle
from lookup.release.manifest import Manifest
from lookup.release.schema import NO_ITEM, NONE
from lookup.retrieval.ranked_lists import RankedLists

if TYPE_CHECKING:
    import pyarrow as pa

TOLERANCE = 1e-3
"""How far a score may be from u . v, as a share of the largest score. Sums in float32 differ by their order, and a GPU
may round what it multiplies to fewer bits."""
OWN_METRIC = (CHALLENGER, "ndcg@20")
"""Method and metric that a release must not lose."""


class SampledList(NamedTuple):
    """The list of a user, and what its scores are made of."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    vector: NDArray[np.float32]
    """u, (D,)."""
    terms: tuple[NDArray[np.int32], NDArray[np.float32]]
    """The items whose score the history changes, rising, and what it adds."""


def check_counts(found: Mapping[str, int], expected: Mapping[str, int]) -> list[Finding]:
    """Counts of rows, by name, must be equal."""
    return [Finding(f"count {name}", found[name] == n, str(found[name]), str(n)) for name, n in expected.items()]


def check_nulls(nulls: Mapping[str, int]) -> list[Finding]:
    """Columns that need a value must have no null. nulls: their number by table and column."""
    return [Finding(f"nulls {name}", n == 0, str(n), "0") for name, n in nulls.items()]


def check_ids(name: str, keys: Mapping[int, Keys], table: Iterable["pa.RecordBatch"]) -> list[Finding]:
    """The rows of items or users must have the ids that the table of the run gives them.

    name: of the column of rows; `<name>_id` is that of ids. keys: the ids of each shard by the row of its first.
    """
    other = 0
    for batch in table:
        rows = batch.column(name).to_numpy(zero_copy_only=False)
        ids = [one or "" for one in batch.column(f"{name}_id").to_pylist()]
        right = np.zeros(len(rows), dtype=bool)
        for first, part in keys.items():
            mine = np.flatnonzero((rows >= first) & (rows < first + len(part)))
            right[mine] = part.find_many([ids[place] for place in mine.tolist()]) == rows[mine] - first
        other += int(np.sum(~right))
    return [Finding(f"{name}s with another id in the run", other == 0, str(other), "0")]


def blocks(*arrays: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
    """Blocks of rows of some mapped arrays of one length, side by side. The memory of a block is freed after it."""
    for start in range(0, len(arrays[0]), BLOCK_ROWS):
        yield tuple(array[start : start + BLOCK_ROWS] for array in arrays)
        for array in arrays:
            settle(array)


def list_blocks(lists: Iterable[RankedLists]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Blocks of the items and the scores of lists, which may be of several shards."""
    for part in lists:
        yield from blocks(part.items, part.scores)  # type: ignore[misc]


def check_lists(name: str, lists: Sequence[RankedLists], items: int) -> list[Finding]:
    """A list holds known items, each once, and nothing after its end. Its scores are finite and never rise."""
    unknown = holes = twice = rising = wild = 0
    for rows, scores in list_blocks(lists):
        there = rows != NO_ITEM
        unknown += int(np.sum((rows < NO_ITEM) | (rows >= items)))
        holes += int(np.sum(~there[:, :-1] & there[:, 1:])) + int(np.sum(scores[~there] != 0))
        ordered = np.sort(rows, axis=1)
        twice += int(np.sum((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_ITEM)))
        rising += int(np.sum((scores[:, 1:] > scores[:, :-1]) & there[:, 1:]))
        wild += int(np.sum(~np.isfinite(scores)))
    faults = {
        "unknown items": unknown,
        "entries after the end": holes,
        "items twice in a list": twice,
        "scores that rise": rising,
        "scores that are not finite": wild,
    }
    return [Finding(f"{name} {fault}", n == 0, str(n), "0") for fault, n in faults.items()]


def entries(lists: Iterable[RankedLists]) -> int:
    """The number of items in all lists of a family."""
    return sum(int(np.sum(rows != NO_ITEM)) for part in lists for (rows,) in blocks(part.items))


def check_finite(name: str, arrays: Iterable[NDArray[np.float32]]) -> list[Finding]:
    """Every number must be finite. arrays: that of each shard, or the one."""
    wild = sum(int(np.sum(~np.isfinite(block))) for array in arrays for (block,) in blocks(array))
    return [Finding(f"{name} numbers that are not finite", wild == 0, str(wild), "0")]


def check_known(
    name: str, arrays: Iterable[NDArray[np.int32]], rows: int, what: str = "items", least: int = NONE
) -> list[Finding]:
    """Every number must be a row below `rows`. arrays: as in `check_finite`. what: of what. least: 0, or NONE where a
    place may be empty."""
    found = (block for array in arrays for (block,) in blocks(array))
    unknown = sum(int(np.sum((block < least) | (block >= rows))) for block in found)
    return [Finding(f"{name} unknown {what}", unknown == 0, str(unknown), "0")]


def check_groups(name: str, lists: Iterable[RankedLists], group: NDArray[np.int32]) -> list[Finding]:
    """No list has two items of one group. group: of each item, (I,)."""
    twice = 0
    for rows, _ in list_blocks(lists):
        there = (rows >= 0) & (rows < len(group))
        codes = np.sort(np.where(there, group[np.where(there, rows, 0)], NONE), axis=1)
        twice += int(np.sum((codes[:, 1:] == codes[:, :-1]) & (codes[:, 1:] != NONE)))
    return [Finding(f"{name} variants beside each other", twice == 0, str(twice), "0")]


def check_coverage(
    name: str,
    lists: Mapping[int, RankedLists],
    needed: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]],
    least: float,
) -> list[Finding]:
    """Enough users must have a full list. lists: those of each shard by the row of its first user. needed: blocks of
    (user rows, lengths of a full list). least: a share."""
    full = users = 0
    for rows, lengths in needed:
        users += len(rows)
        for first, part in lists.items():
            mine = (rows >= first) & (rows < first + len(part.items))
            full += int(np.sum(np.sum(part.items[rows[mine] - first] != NO_ITEM, axis=1) >= lengths[mine]))
            settle(part.items)
    share = full / users if users else 1.0
    what = f"users with a full list in {name}"
    return [Finding(what, share >= least, f"{share:.4f}", f"{least} or more", FindingKind.FAILURE)]


def check_left_out(
    name: str, lists: Iterable[NDArray[np.int32]], left_out: Iterable[NDArray[np.int32]]
) -> list[Finding]:
    """The lists of some users must not have what they leave out. lists, left_out: item rows, for each user."""
    there = sum(int(np.isin(items, rows).sum()) for items, rows in zip(lists, left_out, strict=True))
    return [Finding(f"{name} items that it leaves out", there == 0, str(there), "0")]


def check_scores(name: str, lists: Iterable[SampledList], item_vector: NDArray[np.float32]) -> list[Finding]:
    """The scores of some users' lists must be u . v plus what the history adds."""
    away, largest = 0.0, 1.0
    for listed, values, vector, (changed, added) in lists:
        there = listed != NO_ITEM
        items, scores = listed[there], values[there]
        exact = item_vector[items] @ vector
        known = np.isin(items, changed)
        exact[known] += added[np.searchsorted(changed, items[known])]
        away = max(away, float(np.max(np.abs(scores - exact), initial=0.0)))
        largest = max(largest, float(np.max(np.abs(exact), initial=0.0)))
    allowed = TOLERANCE * largest
    return [Finding(f"{name} scores against u . v", away <= allowed, f"{away:.3g} away", f"at most {allowed:.3g}")]


def check_recall(recall: float, least: float) -> list[Finding]:
    """The index that the build chose must find enough of the exact nearest items."""
    return [Finding("search recall@20", recall >= least, f"{recall:.4f}", f"{least} or more", FindingKind.FAILURE)]


def check_sizes(challenger: Manifest, incumbent: Manifest, max_shrink: float) -> list[Finding]:
    """The challenger must not be much smaller than the incumbent, and must be measured where the incumbent was."""
    findings = []
    for name in ("items", "users", "events"):
        least, now = incumbent.counts[name] * (1 - max_shrink), challenger.counts[name]
        expected = f"{least:.0f} or more"
        findings.append(
            Finding(f"{name} against {incumbent.id}", now >= least, str(now), expected, FindingKind.FAILURE)
        )
    if own_metric(incumbent) is not None:
        value = own_metric(challenger)
        found = "none" if value is None else f"{value:.4f}"
        findings.append(Finding(f"{OWN_METRIC[1]} measured", value is not None, found, "a number", FindingKind.FAILURE))
    return findings


def own_metric(manifest: Manifest) -> float | None:
    """NDCG@20 of the lists of a release; None where `evaluate` did not measure it."""
    values = [m["value"] for m in manifest.metrics if (m["method"], m["metric"]) == OWN_METRIC]
    return float(values[0]) if values else None
