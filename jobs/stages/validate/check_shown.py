"""Check what people would see, after all the filters of the day: items and lists, absolutely and by the incumbent.

An item that is sold out or hidden is in no answer. The readers' own state says which those are: the release's stock,
and what the patch log says since.
"""

import math
import time
from contextlib import closing
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.stages.validate import checks
from jobs.stages.validate.finding import Finding, FindingKind
from lookup.errors import DaybreakError
from lookup.patches.overlay import Overlay
from lookup.patches.patch_log import open_log
from lookup.release.manifest import Manifest
from lookup.release.reader import Release, open_from
from lookup.release.schema import WHOLE_SHOP
from lookup.retrieval.ranked_lists import RankedLists
from lookup.serving.state import State


class Shown(NamedTuple):
    """What of a release can be shown."""

    items: int
    shown_items: int
    lists: int
    """Users' lists that are not empty."""
    shown_lists: int
    """Those of them with an item that can be shown."""
    mean: float
    """Items that can be shown in such a list, on average."""
    popular: int
    """Items in the popular list of the whole shop."""
    shown_popular: int


def check_shown(release: Release, config: Config, incumbent: Manifest | None) -> list[Finding]:
    """The findings. The incumbent counts as its readers see it now; one that cannot be opened is not compared with."""
    limits = config.validate
    now = shown(release, blocked(release, config))
    findings = check_share(now, limits.min_shown_items, limits.min_shown_lists)
    if incumbent is not None:
        try:
            before = open_from(config.releases, incumbent.id)
            findings += check_shrink(now, shown(before, blocked(before, config)), incumbent.id, limits.max_shrink)
        except DaybreakError as error:  # a damaged release must not stop the nights after it
            log_line("validate", "not compared", why=error)
    return findings


def blocked(release: Release, config: Config) -> NDArray[np.bool_]:
    """The items that no call returns now, (I,). Where the patch log cannot be read, by the release's stock alone."""
    try:
        with closing(open_log(config.patches)) as log:
            overlay = Overlay(log)
            overlay.follow(release.manifest.patches_until)
    except DaybreakError as error:
        log_line("validate", "without patches", why=error)
        return np.asarray(release.item_in_stock) == 0
    now = time.time_ns() // 1000
    state = State(release, overlay.view(now), now)
    return np.frombuffer(bytes(state.blocked[: len(release.items)]), dtype=np.uint8) != 0


def shown(release: Release, blocked: NDArray[np.bool_]) -> Shown:
    """Count what can be shown. blocked: the items that cannot, (I,)."""
    lists = shown_lists = entries = 0
    for there, seen in (one for users in release.shards if users for one in _counted(users.topk, blocked)):
        lists += int(np.sum(there > 0))
        shown_lists += int(np.sum(seen > 0))
        entries += int(np.sum(seen))
    there, seen = _counted(release.popular, blocked)[0]
    return Shown(
        items=len(blocked),
        shown_items=int(np.sum(~blocked)),
        lists=lists,
        shown_lists=shown_lists,
        mean=entries / lists if lists else 0.0,
        popular=int(there[WHOLE_SHOP]),
        shown_popular=int(seen[WHOLE_SHOP]),
    )


def check_share(now: Shown, min_items: float, min_lists: float) -> list[Finding]:
    """Enough items, and enough lists, can be shown at all. min_items, min_lists: shares."""
    least = max(1, math.ceil(min_items * now.items))
    share = now.shown_lists / now.lists if now.lists else 1.0
    return [
        _failure("items that can be shown", now.shown_items >= least, f"{now.shown_items} of {now.items}", f"{least}"),
        _failure("users' lists with an item to show", share >= min_lists, f"{share:.4f}", f"{min_lists}"),
        _failure(
            "popular items that can be shown",
            now.shown_popular > 0 or not now.popular or not min_lists,
            f"{now.shown_popular} of {now.popular}",
            "1",
        ),
    ]


def check_shrink(now: Shown, before: Shown, release: str, max_shrink: float) -> list[Finding]:
    """Not much less can be shown than of the incumbent. release: its id."""
    items, mean = before.shown_items * (1 - max_shrink), before.mean * (1 - max_shrink)
    findings = [
        _failure(
            f"items that can be shown, against {release}",
            now.shown_items >= items,
            str(now.shown_items),
            f"{items:.0f}",
        )
    ]
    if now.lists and before.lists:
        findings.append(
            _failure(
                f"items to show in a user's list, on average, against {release}",
                now.mean >= mean,
                f"{now.mean:.1f}",
                f"{mean:.1f}",
            )
        )
    return findings


def _counted(lists: RankedLists, blocked: NDArray[np.bool_]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Of each block of lists: how many items each list has, and how many of them can be shown."""
    counts = []
    for (rows,) in checks.blocks(lists.items):
        there = (rows >= 0) & (rows < len(blocked))
        seen = there & ~blocked[np.where(there, rows, 0)]
        counts.append((there.sum(axis=1), seen.sum(axis=1)))
    return counts


def _failure(name: str, ok: bool, found: str, least: str) -> Finding:
    return Finding(name, ok, found, f"{least} or more", FindingKind.FAILURE)
