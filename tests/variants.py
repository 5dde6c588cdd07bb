"""Releases whose items have variants."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jobs.config.config import Config
from jobs.stages.build import job as build
from lookup.release import pointer
from tests.releases import config_at, pass_validation, rewrite
from tests.run_tables import Sizes, write_run

LONGEST = 10**6
Rows = list[dict[str, Any]]


def make_grouped_release(base: Path, seed: int = 0, sizes: Sizes | None = None, family: int = 3) -> str:
    """As `tests.releases.make_release`: of every two families of neighbouring rows the first is a group.

    Lists have one item of a group, as the night's. Returns the release's id.
    """
    sizes = sizes or Sizes()
    config = config_at(base, sizes=sizes)
    # Of long lists enough things are left.
    long = {name: min(family * getattr(sizes, name), sizes.items - 1) for name in ("k", "similar", "popular")}
    write_run(config, seed, replace(sizes, **long))
    group_rows(config, family, {"user_topk": sizes.k, "item_topk": sizes.similar, "popular": sizes.popular})
    release_id: str = build.run(None, config)["release"]
    pass_validation(config.releases / release_id)
    pointer.announce(config.releases, release_id)
    return release_id


def group_of(row: int, family: int) -> str | None:
    """The group of an item, by its row."""
    return None if row // family % 2 else f"group-{row // family}"


def group_rows(config: Config, family: int, longest: Mapping[str, int] | None = None) -> None:
    """Give the items of a run groups, and let its lists show one of each. longest: of the lists of a table."""

    def grouped(rows: Rows) -> None:
        for row in rows:
            row["group"] = group_of(row["item"], family)

    kept: dict[int, list[int]] = {}
    """The places that stay of each user's list."""

    def collapse(rows: Rows, most: int) -> None:
        for row in rows:
            shown = {group_of(row["item"], family)} if "item" in row else set()
            places = []
            for place, item in enumerate(row["items"]):
                group = group_of(item, family)
                if group is None or group not in shown:
                    places.append(place)
                    shown.add(group)
            places = places[:most]
            _take(row, places)
            if "user" in row:
                kept[row["user"]] = places

    def reasons(rows: Rows) -> None:
        for row in rows:
            _take(row, kept[row["user"]])

    rewrite(config, "items", grouped)
    for name in ("item_topk", "popular", "user_topk"):
        rewrite(config, name, partial(collapse, most=(longest or {}).get(name, LONGEST)))
    rewrite(config, "user_because", reasons)


def _take(row: dict[str, Any], places: list[int]) -> None:
    """Keep some places of the lists of a row."""
    for name, values in row.items():
        if isinstance(values, list):
            row[name] = [values[place] for place in places if place < len(values)]
