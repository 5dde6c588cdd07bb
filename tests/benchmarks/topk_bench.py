"""Exact top-K beside faiss.IndexFlatIP on the same threads, and beside Spark MLlib's recommendForAllUsers.

    python tests/benchmarks/topk_bench.py [--quick]

Prints seconds and ratios; ratios above 1 mean that Daybreak is faster.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.config.release import TopKConfig
from jobs.infra.spark import open_session
from jobs.models.behaviour.encoding import transition_parameters
from jobs.ranking.exact import top_k
from jobs.stages.topk.spark.lists import USER_COLUMNS, user_lists

DIMENSIONS, K = 64, 100
ROUNDS = 3


def random(rows: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, DIMENSIONS), dtype=np.float32)


def seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def beside_faiss(users: int, items: int) -> None:
    """Rounds take turns, so that whatever else the machine does falls on both; the best round of each counts."""
    queries, vectors = random(users, 1), random(items, 2)
    index = faiss.IndexFlatIP(DIMENSIONS)
    index.add(vectors)
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
        report(f"{users} x {items} x {DIMENSIONS}, {threads} thread(s)", "faiss flat", min(theirs), min(ours))
    found = top_k(queries[:256], vectors, K)[1]
    assert np.abs(found - index.search(queries[:256], K)[0]).max() < 1e-4


def beside_mllib(users: int, items: int) -> None:
    """The Spark layer of `topk`, against ALSModel.recommendForAllUsers on factors of the same size."""
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import functions as F

    parameters = transition_parameters(TrainConfig())
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    spark = open_session("local[2]", {})
    try:
        # Every user and every item has an event; what the factors say does not change the time it takes to rank them.
        ratings = spark.range(max(users, items)).select(
            (F.col("id") % users).cast("int").alias("user"),
            (F.col("id") % items).cast("int").alias("item"),
            F.rand(1).alias("rating"),
        )
        model = ALS(rank=DIMENSIONS, maxIter=1, userCol="user", itemCol="item", ratingCol="rating").fit(ratings)
        with tempfile.TemporaryDirectory() as folder:
            vectors = Path(folder)
            np.save(vectors / "item_vector.npy", random(items, 2))
            # Histories are empty and nothing follows: that is the same problem as MLlib's.
            np.save(vectors / "item_next_item.npy", np.full((items, 1), -1, dtype=np.int32))
            np.save(vectors / "item_next_weight.npy", np.zeros((items, 1), dtype=np.float32))
            np.save(vectors / "item_repeat.npy", np.zeros(items, dtype=np.float32))
            kinds = {"bought": "int", "history": "int", "shares": "float", "repeats": "float"}
            empty = (f"cast(array() AS array<{kind}>) AS {name}" for name, kind in kinds.items())
            factors = model.userFactors.selectExpr("id AS user", "features AS vector", *empty)
            factors = factors.select(*USER_COLUMNS).cache()
            factors.count()

            def ours() -> None:
                lists = user_lists(factors, vectors, parameters, TopKConfig(k=K), users)
                lists.write.format("noop").mode("overwrite").save()

            ours()  # starts the Python workers and loads torch in them, as the night's first job has done
            own = seconds(ours)
        theirs = seconds(lambda: model.recommendForAllUsers(K).write.format("noop").mode("overwrite").save())
        report(f"{users} x {items} x {DIMENSIONS}, local[2]", "MLlib ALS", theirs, own)
    finally:
        spark.stop()


def report(what: str, other: str, theirs: float, ours: float) -> None:
    print(f"{what:36} {other:12} {theirs:8.2f} s   daybreak {ours:8.2f} s   ratio {theirs / ours:6.2f}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes: about half a minute")
    quick = parser.parse_args().quick
    beside_faiss(*((2_048, 50_000) if quick else (8_192, 200_000)))
    beside_mllib(*((5_000, 5_000) if quick else (20_000, 20_000)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
