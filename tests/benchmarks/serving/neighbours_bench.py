"""The items nearest to a vector by Annoy, beside hnswlib and voyager: the recall of all at equal latency.

A release holds Annoy because its file is mapped, not read, and processes share it; the recall at equal latency is what
that costs, and the memory what it brings. Items are made: vectors around some middles, as of kinds of products, of
uneven norms, as popular items have; queries lie between the middles. Each side has the space in which it finds most:
hnswlib inner products, voyager cosines after the reduction that Annoy has, too, by which it finds more than by its own
way to inner products. Each is asked with rising effort, one query at a time on one thread, and its recall of the best
20 at a latency lies on the line between two efforts. What needs less time with its least effort has that recall.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.shared import contest
from tests.benchmarks.shared.contest import OURS, Contest, Side
from tests.benchmarks.shared.sides import Rounds
from tests.benchmarks.shared.timing import SEED, quantile, timed

K = 20
LATENCIES = (100, 250, 1_000)
"""Microseconds, p50."""
TREES = 50
LINKS, EFFORT = 16, 200
"""Of the graphs: M and ef_construction, as both packages suggest."""
THREADS = 2
"""That build."""
Matrix = NDArray[np.float32]
Find = Callable[[Matrix, int], NDArray[np.int32]]
"""The rows of the nearest items of a query, by some effort."""


class Load(NamedTuple):
    """How much is searched."""

    items: int
    dimensions: int
    middles: int
    queries: int
    rounds: int
    efforts: tuple[int, ...]
    """Each twice the one before; nodes of Annoy, `ef` of the graphs."""


FULL = Load(100_000, 64, 500, 300, 3, tuple(K << step for step in range(14)))
SMALL = Load(400, 8, 10, 10, 1, (K, 2 * K, 4 * K))


def contests(toy: bool) -> Iterator[Contest]:
    load = SMALL if toy else FULL
    peers = (Side("hnswlib", by_hnswlib, (load,)), Side("voyager", by_voyager, (load,)))
    name = f"recall of the best {K} of {load.items:,} x {load.dimensions}"
    yield Contest(name, "", Side(OURS, by_annoy, (load,)), peers, load.rounds, more=True)


def made(load: Load) -> tuple[Matrix, Matrix]:
    """Items and queries."""
    rng = np.random.default_rng(SEED)
    middles = rng.standard_normal((load.middles, load.dimensions), dtype=np.float32)
    noise = rng.standard_normal((load.items, load.dimensions), dtype=np.float32)
    items = middles[rng.integers(0, load.middles, load.items)] + noise
    items *= rng.lognormal(0.0, 0.3, (load.items, 1)).astype(np.float32) / np.linalg.norm(items, axis=1, keepdims=True)
    some = middles[rng.integers(0, load.middles, (load.queries, 3))].sum(axis=1)
    return items, some + rng.standard_normal(some.shape, dtype=np.float32)


def by_annoy(load: Load) -> Rounds:
    from annoy import AnnoyIndex

    from lookup.retrieval.annoy_index import Index, norms, reduce_items

    items, _ = made(load)
    index = AnnoyIndex(load.dimensions + 1, "angular")
    index.set_seed(SEED)
    for row, vector in enumerate(reduce_items(items, float(norms(items).max()))):
        index.add_item(row, vector)
    index.build(TREES, n_jobs=THREADS)
    with tempfile.TemporaryDirectory() as folder:
        index.save(str(Path(folder) / "items.ann"))
        index.unload()
        mapped = AnnoyIndex(load.dimensions + 1, "angular")
        mapped.load(str(Path(folder) / "items.ann"))
        found = Index(mapped)
        yield from recalls(load, lambda query, effort: found.candidates(query, K, effort), lambda effort: None)


def by_hnswlib(load: Load) -> Rounds:
    import hnswlib

    items, _ = made(load)
    index = hnswlib.Index(space="ip", dim=load.dimensions)
    index.init_index(max_elements=len(items), ef_construction=EFFORT, M=LINKS, random_seed=SEED)
    index.add_items(items, num_threads=THREADS)
    index.set_num_threads(1)

    def find(query: Matrix, effort: int) -> NDArray[np.int32]:
        rows, _ = index.knn_query(query, k=K)
        return rows[0].astype(np.int32)

    yield from recalls(load, find, index.set_ef)


def by_voyager(load: Load) -> Rounds:
    import voyager

    from lookup.retrieval.annoy_index import norms, reduce_items

    items, _ = made(load)
    items = reduce_items(items, float(norms(items).max()))
    index = voyager.Index(voyager.Space.Cosine, items.shape[1], M=LINKS, ef_construction=EFFORT, random_seed=SEED)
    index.add_items(items, num_threads=THREADS)

    def find(query: Matrix, effort: int) -> NDArray[np.int32]:
        rows, _ = index.query(np.append(query, np.float32(0.0)), K, query_ef=effort)
        return rows.astype(np.int32)

    yield from recalls(load, find, lambda effort: None)


def recalls(load: Load, find: Find, choose: Callable[[int], None]) -> Rounds:
    """The recall at each latency. choose: is told the effort before it is used."""
    items, queries = made(load)
    exact = [set(np.argpartition(-(items @ query), K)[:K].tolist()) for query in queries]
    del items
    yield {}
    while True:
        lines = []
        for effort in load.efforts:
            choose(effort)
            hits: list[int] = []

            def one(row: int, effort: int = effort, hits: list[int] = hits) -> None:
                hits.append(len(exact[row].intersection(find(queries[row], effort).tolist())))

            lines.append((quantile(timed(one, range(len(queries))), 0.5) / 1000, sum(hits) / K / len(queries)))
            if lines[-1][0] > LATENCIES[-1]:
                break
        latency, recall = np.maximum.accumulate(np.array(lines)).T  # what is noise does not go back
        yield {f"at {us:,} µs": float(np.interp(np.log(us), np.log(latency), recall)) for us in LATENCIES}


def main(argv: Sequence[str] | None = None) -> int:
    return contest.main(__doc__, contests, argv)
