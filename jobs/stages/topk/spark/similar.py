"""The lists of similar items by Spark: a task takes a range of neighbouring rows, and over what still holds."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.config.release import TopKConfig
from jobs.infra.cluster.tasks import partitions
from jobs.infra.kept.lists import ITEM, SCORE, Generation
from jobs.infra.receipts.tasks import measured
from jobs.infra.tables import ITEM_TOPK
from jobs.infra.vector_store import VectorStore
from jobs.ranking.device import DeviceItems
from jobs.ranking.exact import SHARE, ScanItems
from jobs.ranking.exact import Rows as Vectors
from jobs.ranking.unchanged import SameRows, still_hold
from jobs.ranking.variants import Variants
from jobs.stages.topk.spark.lists import Batches, Groups, best, held_items, table
from lookup.scoring.user_encoder import UserEncoder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NEW, TAKEN_OVER, DIFFERS = range(3)
"""What a list is: made, taken over, or made again to look, and another one than is taken over."""
CHECKED = 2
"""So many of the lists that are taken over are made again for each batch of a task."""
CHECKED_SHARE = 0.02
"""Of a small batch no more than this share, but one."""


@dataclass(frozen=True)
class Directions:
    """`UserEncoder.directions` of all items, computed block by block as they are read."""

    vectors: NDArray[np.float32]
    """The array `item_vector`, shape (I, D)."""
    encoder: UserEncoder

    @property
    def shape(self) -> tuple[int, ...]:
        """Items and dimensions."""
        return (len(self.vectors), self.encoder.bias)

    def __getitem__(self, rows: slice | NDArray[np.int64], /) -> NDArray[Any]:
        """Some items, float32."""
        return self.encoder.directions(self.vectors[rows])


@dataclass(frozen=True)
class Earlier:
    """The lists of an earlier night, and which rows are the same tonight."""

    lists: Generation
    rows: SameRows


def item_lists(
    spark: "SparkSession",
    vectors: VectorStore,
    options: TopKConfig,
    count: int,
    *,
    groups: Groups = None,
    earlier: Earlier | None = None,
) -> "DataFrame":
    """Table ITEM_TOPK, and `state`, one of NEW, TAKEN_OVER and DIFFERS: the most similar other items of each item.

    groups: of each item, (I,); a list has one item of a group, and none of the item's own variants. earlier: lists that
    are taken over where they hold; None: all are made. Lists of groups are always made.
    """
    parts = partitions(spark, count, options.user_block)
    task = partial(_item_lists, vectors=vectors, options=options, groups=groups, each=count // parts, earlier=earlier)
    return spark.range(0, count, 1, parts).mapInArrow(measured(task), f"{ITEM_TOPK.ddl}, state int")


def made_by_scan(spark: "SparkSession", vectors: VectorStore, options: TopKConfig, count: int) -> bool:
    """Whether the tasks of `item_lists` use the kernel, by which a score depends on its two vectors alone."""
    each = count // partitions(spark, count, options.user_block)
    lent = spark.sparkContext.getConf().get("spark.task.resource.gpu.amount", "0")
    items = Directions(vectors.array("item_vector"), vectors.encoder)
    return float(lent) == 0 and count >= SHARE * options.similar and ScanItems.fits(items, each)


def _item_lists(
    batches: Batches,
    *,
    vectors: VectorStore,
    options: TopKConfig,
    groups: Groups,
    each: int,
    earlier: Earlier | None,
) -> Batches:
    made = Made(vectors, options, groups, each)
    names = [*ITEM_TOPK.columns, "state"]
    for batch in batches:
        rows = batch.column("id").to_numpy()
        state = np.full(len(rows), NEW, dtype=np.int32)
        items, scores = made.lists(rows) if earlier is None else _with_earlier(rows, made, earlier, state)
        lists = table(ITEM_TOPK.columns, pa.array(rows.astype(np.int32)), items, scores)
        yield pa.RecordBatch.from_arrays([*lists.columns, pa.array(state)], names=names)


class Made:
    """Makes the lists of a task, and what it takes for that when it is first needed."""

    def __init__(self, vectors: VectorStore, options: TopKConfig, groups: Groups, each: int):
        self.items = Directions(vectors.array("item_vector"), vectors.encoder)
        self.options, self.groups, self.each = options, groups, each
        self.variants = Variants(groups)

    @cached_property
    def held(self) -> Vectors | DeviceItems | ScanItems:
        """As `held_items` returns them. The way is that of a night that makes all lists."""
        return held_items(self.items, self.each)

    @property
    def length(self) -> int:
        """Of a list."""
        return self.options.similar

    def lists(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The lists of some items, as `top_k` returns them."""
        own = self.variants.of(rows)
        queries = self.items[rows]
        return best(queries, self.held, self.length, self.options, added=None, exclude=own, groups=self.groups)


def _with_earlier(
    rows: NDArray[np.int64], made: Made, earlier: Earlier, state: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The lists of some rows: taken over where they hold, and some of these made again, and the others made.

    state: NEW of each; gets the others.
    """
    before = earlier.rows.before[rows]
    known = np.flatnonzero(before >= 0)
    items = np.full((len(rows), made.length), -1, dtype=np.int32)
    scores = np.zeros((len(rows), made.length), dtype=np.float32)
    if len(known):
        old, old_scores = (np.asarray(earlier.lists.array(name)[before[known]]) for name in (ITEM, SCORE))
        changed = made.items[earlier.rows.changed]
        hold, moved = still_hold(earlier.rows, old, old_scores, made.items[rows[known]], changed)
        there = known[hold]
        items[there], scores[there], state[there] = moved[hold], old_scores[hold], TAKEN_OVER
        looks = np.random.default_rng().permutation(there)[: max(1, min(CHECKED, round(CHECKED_SHARE * len(there))))]
        if len(looks):
            again = made.lists(rows[looks])
            same = [
                (one.view(np.uint32) == other.view(np.uint32)).all(axis=1)
                for one, other in zip(again, (items[looks], scores[looks]), strict=True)
            ]
            state[looks[~(same[0] & same[1])]] = DIFFERS
    new = np.flatnonzero(state == NEW)
    if len(new):
        items[new], scores[new] = made.lists(rows[new])
    return items, scores
