"""The checks of a release. Each is pure and returns findings; arrays are gone through block by block."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.infra.blocks import BLOCK_ROWS
from lookup.release.arrays import settle
from lookup.release.manifest import Manifest
from lookup.release.reader import RankedLists
from lookup.release.schema import NO_ITEM, NONE

TOLERANCE = 1e-3
"""How far a score may be from u . v, as a share of the largest score: float32 sums differ by their order, and a GPU may
round what it multiplies to fewer bits."""
OWN = ("daybreak", "ndcg@20")
"""Method and metric that a release must not lose."""


class FindingKind(StrEnum):
    """What follows when a check is not ok."""

    FAULT = "fault"
    """The release itself is broken: it is held, whatever anybody says."""
    FAILURE = "failure"
    """It is sound, but not good enough by a limit or by the release in place: it is held, unless a person overrides."""
    WARNING = "warning"
    """It is said, and published."""


class Finding(NamedTuple):
    """What a check found."""

    name: str
    ok: bool
    found: str
    expected: str
    kind: FindingKind = FindingKind.FAULT


def check_counts(found: Mapping[str, int], expected: Mapping[str, int]) -> list[Finding]:
    """Numbers of rows, by name, that must be equal."""
    return [Finding(f"count {name}", found[name] == n, str(found[name]), str(n)) for name, n in expected.items()]


def check_nulls(nulls: Mapping[str, int]) -> list[Finding]:
    """Nulls, by table and column, where none may be."""
    return [Finding(f"nulls {name}", n == 0, str(n), "0") for name, n in nulls.items()]


def blocks(*arrays: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
    """The rows of some equally long mapped arrays, together, in blocks; their memory is let go after each."""
    for start in range(0, len(arrays[0]), BLOCK_ROWS):
        yield tuple(array[start : start + BLOCK_ROWS] for array in arrays)
        for array in arrays:
            settle(array)


def check_lists(name: str, lists: RankedLists, items: int) -> list[Finding]:
    """Items that there are, none twice in a list, nothing after the end of a list; scores finite and falling."""
    unknown = holes = twice = rising = wild = 0
    for rows, scores in blocks(lists.items, lists.scores):
        there = rows != NO_ITEM
        unknown += int(np.sum((rows < NO_ITEM) | (rows >= items)))
        holes += int(np.sum(~there[:, :-1] & there[:, 1:])) + int(np.sum(scores[~there] != 0))
        ordered = np.sort(rows, axis=1)
        twice += int(np.sum((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_ITEM)))
        rising += int(np.sum((scores[:, 1:] > scores[:, :-1]) & there[:, 1:]))
        wild += int(np.sum(~np.isfinite(scores)))
    faults = {
        "items that there are not": unknown,
        "entries after the end": holes,
        "items twice in a list": twice,
        "scores that rise": rising,
        "scores that are not finite": wild,
    }
    return [Finding(f"{name} {fault}", n == 0, str(n), "0") for fault, n in faults.items()]


def entries(lists: RankedLists) -> int:
    """How many items a family of lists holds in all."""
    return sum(int(np.sum(rows != NO_ITEM)) for (rows,) in blocks(lists.items))


def check_finite(name: str, array: NDArray[np.float32]) -> list[Finding]:
    """Every number finite."""
    wild = sum(int(np.sum(~np.isfinite(block))) for (block,) in blocks(array))
    return [Finding(f"{name} numbers that are not finite", wild == 0, str(wild), "0")]


def check_known(
    name: str, array: NDArray[np.int32], rows: int, what: str = "items", least: int = NONE
) -> list[Finding]:
    """Every number a row of what it is of; from `least`: 0, or NONE where there may be none."""
    unknown = sum(int(np.sum((block < least) | (block >= rows))) for (block,) in blocks(array))
    return [Finding(f"{name} {what} that there are not", unknown == 0, str(unknown), "0")]


def check_coverage(
    lists: RankedLists, needed: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], least: float
) -> list[Finding]:
    """The share of users with a full list. needed: blocks of (user rows, how long each one's list must be)."""
    full = users = 0
    for rows, lengths in needed:
        full += int(np.sum(np.sum(lists.items[rows] != NO_ITEM, axis=1) >= lengths))
        users += len(rows)
        settle(lists.items)
    share = full / users if users else 1.0
    return [Finding("users with a full list", share >= least, f"{share:.4f}", f"{least} or more", FindingKind.FAILURE)]


def check_scores(
    lists: RankedLists,
    user_vector: NDArray[np.float32],
    item_vector: NDArray[np.float32],
    users: NDArray[np.int64],
    terms: Callable[[int], tuple[NDArray[np.int32], NDArray[np.float32]]],
) -> list[Finding]:
    """Scores of some users' lists against u . v and what the history adds. users: their rows. terms: items, rising, and
    what is added to their scores, of a user row.
    """
    away, largest = 0.0, 1.0
    for user in users:
        there = lists.items[user] != NO_ITEM
        items, scores = lists.items[user][there], lists.scores[user][there]
        exact = item_vector[items] @ user_vector[user]
        changed, added = terms(int(user))
        known = np.isin(items, changed)
        exact[known] += added[np.searchsorted(changed, items[known])]
        away = max(away, float(np.max(np.abs(scores - exact), initial=0.0)))
        largest = max(largest, float(np.max(np.abs(exact), initial=0.0)))
    allowed = TOLERANCE * largest
    return [Finding("user_topk scores against u . v", away <= allowed, f"{away:.3g} away", f"at most {allowed:.3g}")]


def check_recall(recall: float, least: float) -> list[Finding]:
    """Recall of the search that the build chose."""
    return [Finding("search recall@20", recall >= least, f"{recall:.4f}", f"{least} or more", FindingKind.FAILURE)]


def check_against(new: Manifest, before: Manifest, max_shrink: float) -> list[Finding]:
    """The release against the one in place: how much it shrank, and whether it is still measured."""
    findings = []
    for name in ("items", "users", "events"):
        least, now = before.counts[name] * (1 - max_shrink), new.counts[name]
        expected = f"{least:.0f} or more"
        findings.append(Finding(f"{name} against {before.id}", now >= least, str(now), expected, FindingKind.FAILURE))
    if metric(before) is not None:
        value = metric(new)
        found = "none" if value is None else f"{value:.4f}"
        findings.append(Finding(f"{OWN[1]} measured", value is not None, found, "a number", FindingKind.FAILURE))
    return findings


def metric(manifest: Manifest) -> float | None:
    """NDCG@20 of the lists; None where it was not measured."""
    values = [m["value"] for m in manifest.metrics if (m["method"], m["metric"]) == OWN]
    return float(values[0]) if values else None
