"""Exact top-K beside faiss, implicit and Spark MLlib, on the same threads; and beside the products of int8 alone.

A ratio above 1 means that Daybreak is faster. The products of int8 alone, by torch at its best size, say how near the
machine's own rate it is: there a ratio is a share. Filtered top-K has one mask for a whole batch, as of what a store
has; beside it stands faiss with a mask, and Daybreak without one.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.shared import contest
from tests.benchmarks.shared.contest import OURS, Contest, Side
from tests.benchmarks.shared.sides import Rounds
from tests.benchmarks.shared.timing import seconds

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DIMENSIONS, K = 64, 100
WIDER = 193
"""Dimensions of the demo's vectors."""
SIDE = 1024
"""Of the matrices whose product is the rate of torch."""
THREADS = 2
"""Of what is filtered."""
CHECKED = 256
"""Queries whose scores are checked."""


class Load(NamedTuple):
    """Users and items that are ranked."""

    exact: tuple[tuple[int, int, int, int], ...]
    """Queries, items, dimensions and threads."""
    filtered: tuple[int, int]
    mllib: tuple[int, int]
    blocks: int
    """Into which MLlib cuts its factors; 10 is its default."""


FULL = Load(
    ((8_192, 200_000, DIMENSIONS, 1), (20_000, 200_000, DIMENSIONS, 2), (8_192, 200_000, WIDER, 2)),
    (8_192, 200_000),
    (20_000, 20_000),
    blocks=10,
)
SMALL = Load(((300, 5_000, DIMENSIONS, 2),), (300, 5_000), (100, 120), blocks=1)


def contests(toy: bool) -> Iterator[Contest]:
    load = SMALL if toy else FULL
    for size in load.exact:
        users, items, dimensions, _ = size
        yield Contest(
            f"top-{K}, {users:,} x {items:,} x {dimensions}",
            "s",
            Side(OURS, daybreak, size),
            (Side("faiss flat", flat, size), Side("implicit topk", implicit, size), Side("int8 alone", products, size)),
        )
    users, items = load.filtered
    yield Contest(
        f"top-{K}, {users:,} x {items:,} x {DIMENSIONS}, filtered",
        "s",
        Side(OURS, daybreak_filtered, load.filtered),
        (
            Side("faiss flat, filtered", flat_filtered, load.filtered),
            Side("daybreak, unfiltered", unfiltered, load.filtered),
        ),
    )
    users, items = load.mllib
    yield Contest(
        f"top-{K} by Spark, {users:,} x {items:,} x {DIMENSIONS}",
        "s",
        Side(OURS, daybreak_by_spark, load.mllib),
        (Side("MLlib ALS", mllib, (*load.mllib, load.blocks)),),
        rounds=1 if toy else 2,
    )


def random(rows: int, seed: int, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, dimensions), dtype=np.float32)


def daybreak(users: int, items: int, dimensions: int, threads: int) -> Rounds:
    import torch

    from jobs.ranking.exact import top_k

    queries, vectors = random(users, 1, dimensions), random(items, 2, dimensions)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    # What no other side does, the packing of items, is part of each round.
    found, scores = top_k(queries[:CHECKED], vectors, K, threads=threads)
    there = (queries[:CHECKED, None, :] * vectors[found]).sum(axis=2)
    assert np.abs(scores - there).max() < 2e-4
    yield {}
    try:
        while True:
            yield {of(threads): seconds(lambda: top_k(queries, vectors, K, threads=threads))}
    finally:
        torch.set_num_threads(before)


def flat(users: int, items: int, dimensions: int, threads: int) -> Rounds:
    import faiss

    queries = random(users, 1, dimensions)
    index = faiss.IndexFlatIP(dimensions)
    index.add(random(items, 2, dimensions))
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    yield {}
    try:
        while True:
            yield {of(threads): seconds(lambda: index.search(queries, K))}
    finally:
        faiss.omp_set_num_threads(before)


def implicit(users: int, items: int, dimensions: int, threads: int) -> Rounds:
    from implicit.cpu.topk import topk

    queries, vectors = random(users, 1, dimensions), random(items, 2, dimensions)
    yield {}
    while True:
        yield {of(threads): seconds(lambda: topk(vectors, queries, K, num_threads=threads))}


def products(users: int, items: int, dimensions: int, threads: int) -> Rounds:
    """As many products of int8 on one thread, which all cores then share."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    one = torch.randint(-127, 128, (SIDE, SIDE), dtype=torch.int8)
    yield {}
    try:
        while True:
            best = min(seconds(lambda: torch._int_mm(one, one.T)) for _ in range(20))
            yield {of(threads): best * users * items * dimensions / SIDE**3 / threads}
    finally:
        torch.set_num_threads(before)


def of(threads: int) -> str:
    return f"{threads} thread{'s' * (threads > 1)}"


def masks(items: int) -> dict[str, NDArray[np.bool_]]:
    """Which items remain: of a few kinds of stores and countries."""
    drawn = np.random.default_rng(3).random(items)
    return {f"{share:.0%} of the items": drawn < share for share in (0.9, 0.5, 0.1)}


def daybreak_filtered(users: int, items: int) -> Rounds:
    import torch

    from jobs.ranking.exact import resident, top_k

    queries, vectors = random(users, 1), random(items, 2)
    torch.set_num_threads(1)
    held = resident(vectors, "cpu", users, THREADS)
    yield {}
    while True:
        yield {
            what: seconds(lambda: top_k(queries, held, K, where=mask, threads=THREADS))  # noqa: B023
            for what, mask in masks(items).items()
        }


def unfiltered(users: int, items: int) -> Rounds:
    import torch

    from jobs.ranking.exact import resident, top_k

    queries, vectors = random(users, 1), random(items, 2)
    torch.set_num_threads(1)
    held = resident(vectors, "cpu", users, THREADS)
    yield {}
    while True:
        yield {what: seconds(lambda: top_k(queries, held, K, threads=THREADS)) for what in masks(items)}


def flat_filtered(users: int, items: int) -> Rounds:
    import faiss

    queries = random(users, 1)
    index = faiss.IndexFlatIP(DIMENSIONS)
    index.add(random(items, 2))
    faiss.omp_set_num_threads(THREADS)
    chosen = {}
    for what, mask in masks(items).items():
        bits = np.packbits(mask, bitorder="little")
        chosen[what] = (bits, faiss.SearchParameters(sel=faiss.IDSelectorBitmap(items, faiss.swig_ptr(bits))))
    yield {}
    while True:
        yield {what: seconds(lambda: index.search(queries, K, params=how)) for what, (_, how) in chosen.items()}  # noqa: B023


def daybreak_by_spark(users: int, items: int) -> Rounds:
    """The Spark layer of `topk`. The values of the vectors do not change the time it takes to rank."""
    from jobs.config.learning import TrainConfig
    from jobs.config.release import TopKConfig
    from jobs.models.behaviour.encoding import score_parameters
    from jobs.stages.topk.spark.lists import USER_COLUMNS, user_unseen
    from lookup.scoring.parts import TEXT, Part
    from tests.vectors import write_store

    settings, half = TrainConfig(), DIMENSIONS // 2
    parameters = score_parameters(settings, [half], [settings.fading], [(Part(TEXT, 1), half - 1)])
    with session() as spark, tempfile.TemporaryDirectory() as folder:
        # Histories are empty and items have no transitions: then the problem is MLlib's.
        vectors = write_store(Path(folder), {"item_vector": random(items, 2)}, parameters)
        kinds = {"bought": "int", "history": "int", "shares": "float", "repeats": "float"}
        empty = (f"cast(array() AS array<{kind}>) AS {name}" for name, kind in kinds.items())
        queries = spark.createDataFrame(enumerate(random(users, 1).tolist()), "user int, vector array<float>")
        table = queries.selectExpr("*", *empty).select(*USER_COLUMNS).repartition(2).cache()
        table.count()

        def rank() -> None:
            write_nowhere(user_unseen(table, vectors, TopKConfig(k=K, spare=0), users))

        rank()  # starts the Python workers and loads torch in them, as an earlier job of a night has
        yield {}
        while True:
            yield {"local[2]": seconds(rank)}


def mllib(users: int, items: int, blocks: int) -> Rounds:
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import functions as F

    with session() as spark:
        # Every user and every item has an event.
        ratings = spark.range(max(users, items)).select(
            (F.col("id") % users).cast("int").alias("user"),
            (F.col("id") % items).cast("int").alias("item"),
            F.rand(1).alias("rating"),
        )
        columns = {"userCol": "user", "itemCol": "item", "ratingCol": "rating"}
        als = ALS(rank=DIMENSIONS, maxIter=1, numUserBlocks=blocks, numItemBlocks=blocks, **columns)
        model = als.fit(ratings)
        yield {}
        while True:
            yield {"local[2]": seconds(lambda: write_nowhere(model.recommendForAllUsers(K)))}


def write_nowhere(frame: "DataFrame") -> None:
    frame.write.format("noop").mode("overwrite").save()


@contextmanager
def session() -> "Iterator[SparkSession]":
    """A Spark of two cores; the session of this process where one is there already."""
    from pyspark.sql import SparkSession

    from jobs.infra.spark import open_session

    there = SparkSession.getActiveSession()
    if there is not None:
        yield there
        return
    spark = open_session("local[2]", {})
    try:
        yield spark
    finally:
        spark.stop()


def main(argv: Sequence[str] | None = None) -> int:
    return contest.main(__doc__, contests, argv)
