"""Exact top-K beside faiss.IndexFlatIP on the same threads, and beside Spark MLlib's recommendForAllUsers.

Prints seconds and ratios. A ratio above 1 means that Daybreak is faster. The products of int8 alone, by torch at its
best size, say how near the machine's own rate it is: there a ratio is a share.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.config.release import TopKConfig
from jobs.infra.spark import open_session
from jobs.models.behaviour.encoding import score_parameters
from jobs.ranking.exact import top_k
from jobs.stages.topk.spark.lists import USER_COLUMNS, user_unseen
from lookup.scoring.parts import TEXT, Part
from tests.benchmarks.shared.timing import options, seconds
from tests.vectors import write_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DIMENSIONS, K = 64, 100
WIDER = 193
"""Dimensions of the demo's vectors."""
SIDE = 1024
"""Of the matrices whose product is the rate of torch."""
ROUNDS = 3


class Load(NamedTuple):
    """Users and items that are ranked."""

    beside_faiss: tuple[int, int]
    beside_mllib: tuple[int, int]
    blocks: int
    """Into which MLlib cuts its factors; 10 is its default."""


FULL = Load((8_192, 200_000), (20_000, 20_000), blocks=10)
SMALL = Load((300, 500), (100, 120), blocks=1)


def random(rows: int, seed: int, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, dimensions), dtype=np.float32)


def products(count: float) -> float:
    """Seconds of so many products of int8 on one thread."""
    one = torch.randint(-127, 128, (SIDE, SIDE), dtype=torch.int8)
    return min(seconds(lambda: torch._int_mm(one, one.T)) for _ in range(20)) * count / SIDE**3


def beside_faiss(users: int, items: int, dimensions: int) -> None:
    """Both take turns, so that other work on the machine slows both alike. The best round of each counts."""
    queries, vectors = random(users, 1, dimensions), random(items, 2, dimensions)
    index = faiss.IndexFlatIP(dimensions)
    index.add(vectors)
    before = torch.get_num_threads(), faiss.omp_get_max_threads()
    torch.set_num_threads(1)
    for threads in (1, 2):
        faiss.omp_set_num_threads(threads)
        theirs, ours = zip(
            *(
                (
                    seconds(lambda: index.search(queries, K)),
                    seconds(lambda: top_k(queries, vectors, K, threads=threads)),  # noqa: B023
                )
                for _ in range(ROUNDS)
            ),
            strict=True,
        )
        what = f"{users} x {items} x {dimensions}, {threads} thread(s)"
        report(what, "faiss flat", min(theirs), min(ours))
        report(what, "int8 alone", products(users * items * dimensions) / threads, min(ours))
    found = top_k(queries[:256], vectors, K)[1]
    assert np.abs(found - index.search(queries[:256], K)[0]).max() < 2e-4
    torch.set_num_threads(before[0])
    faiss.omp_set_num_threads(before[1])


def beside_mllib(users: int, items: int, blocks: int) -> None:
    """The Spark layer of `topk`, against ALSModel.recommendForAllUsers on factors of the same size."""
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import functions as F

    settings = TrainConfig()
    half = DIMENSIONS // 2
    parameters = score_parameters(settings, [half], [settings.fading], [(Part(TEXT, 1), half - 1)])
    with session() as spark:
        # Every user and every item has an event. The values of the factors do not change the time it takes to rank.
        ratings = spark.range(max(users, items)).select(
            (F.col("id") % users).cast("int").alias("user"),
            (F.col("id") % items).cast("int").alias("item"),
            F.rand(1).alias("rating"),
        )
        columns = {"userCol": "user", "itemCol": "item", "ratingCol": "rating"}
        als = ALS(rank=DIMENSIONS, maxIter=1, numUserBlocks=blocks, numItemBlocks=blocks, **columns)
        model = als.fit(ratings)
        with tempfile.TemporaryDirectory() as folder:
            # Histories are empty and items have no transitions: then the problem is MLlib's.
            vectors = write_store(Path(folder), {"item_vector": random(items, 2)}, parameters)
            kinds = {"bought": "int", "history": "int", "shares": "float", "repeats": "float"}
            empty = (f"cast(array() AS array<{kind}>) AS {name}" for name, kind in kinds.items())
            factors = model.userFactors.selectExpr("id AS user", "features AS vector", *empty)
            factors = factors.select(*USER_COLUMNS).cache()
            factors.count()

            def ours() -> None:
                lists = user_unseen(factors, vectors, TopKConfig(k=K, spare=0), users)
                lists.write.format("noop").mode("overwrite").save()

            ours()  # starts the Python workers and loads torch in them, as an earlier job of a night has
            own = seconds(ours)
        theirs = seconds(lambda: model.recommendForAllUsers(K).write.format("noop").mode("overwrite").save())
        report(f"{users} x {items} x {DIMENSIONS}, local[2]", "MLlib ALS", theirs, own)


@contextmanager
def session() -> "Iterator[SparkSession]":
    """A Spark of two cores; the session of this process where one is there already."""
    from pyspark.sql import SparkSession

    there = SparkSession.getActiveSession()
    if there is not None:
        yield there
        return
    spark = open_session("local[2]", {})
    try:
        yield spark
    finally:
        spark.stop()


def report(what: str, other: str, theirs: float, ours: float) -> None:
    print(f"{what:36} {other:12} {theirs:8.2f} s   daybreak {ours:8.2f} s   ratio {theirs / ours:6.2f}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    load = SMALL if options(__doc__).parse_args(argv).toy else FULL
    for dimensions in (DIMENSIONS, WIDER):
        beside_faiss(*load.beside_faiss, dimensions)
    beside_mllib(*load.beside_mllib, load.blocks)
    return 0
