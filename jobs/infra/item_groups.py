"""The groups of a run's items: what the variants of one thing share."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.infra.blocks import Blocks
from jobs.infra.runs import Run
from lookup.retrieval.variants import NO_GROUP


class ItemGroups(NamedTuple):
    """The groups of items."""

    names: list[str]
    """Their ids, sorted."""
    codes: NDArray[np.int32]
    """Of each item its place in `names`, `NO_GROUP` for none, (I,)."""


def item_groups(run: Run) -> ItemGroups:
    """Read table `items` of a run. Raises MissingStepError where it is missing."""
    table = Blocks.of(run, "items")
    codes = np.full(len(table), NO_GROUP, dtype=np.int32)
    rows, texts = [np.zeros(0, np.int64)], [pl.Series([], dtype=pl.String)]
    for batch in table.read("item", "group"):
        group = pl.Series(pl.from_arrow(batch.column("group")), dtype=pl.String)
        there = group.is_not_null().to_numpy()
        rows.append(table.rows(batch, "item", len(codes))[there])
        texts.append(group.filter(group.is_not_null()))
    every = pl.concat(texts)
    names = every.unique().sort()
    codes[np.concatenate(rows)] = every.replace_strict(names, np.arange(len(names), dtype=np.int32)).to_numpy()
    return ItemGroups(names.to_list(), codes)


def codes_of_run(run: Run) -> NDArray[np.int32] | None:
    """The codes alone; None where no item has a group."""
    groups = item_groups(run)
    return groups.codes if groups.names else None
