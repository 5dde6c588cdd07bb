"""The ranker by day: features and forward pass of 200 candidates, beside the exact rescoring of the same candidates.

python tests/benchmarks/ranker_bench.py [--candidates 200] [--dimensions 193] [--calls 5000]
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from lookup.scoring import features
from lookup.scoring.ranker import Ranker, Weights

ITEMS = 100_000
HISTORY = 200


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--candidates", type=int, default=200)
    options.add_argument("--dimensions", type=int, default=193)
    options.add_argument("--calls", type=int, default=5000)
    given = options.parse_args()
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(ITEMS, given.dimensions)).astype(np.float32)
    user = vectors[0].copy()
    # Other rows for every call, as other users have: a cache warm from the call before would flatter both.
    drawn = [rng.permutation(ITEMS)[: given.candidates].astype(np.int32) for _ in range(64)]
    price, usual = rng.lognormal(size=(2, ITEMS))
    popularity = rng.exponential(5, ITEMS).astype(np.float32)
    in_stock = np.ones(ITEMS, dtype=np.uint8)
    had = rng.integers(0, ITEMS, HISTORY).astype(np.int32)
    days, weights = np.arange(HISTORY, dtype=np.int32), np.ones(HISTORY, dtype=np.float32)
    scores = rng.normal(size=given.candidates).astype(np.float32)

    def rescored(rows: np.ndarray) -> object:
        return vectors[rows] @ user

    def seen(rows: np.ndarray) -> np.ndarray:
        bought = features.bought(had, days, weights, rows, HISTORY)
        return features.matrix(
            score=scores,
            price=price[rows],
            usual_price=usual[rows],
            in_stock=in_stock[rows],
            popularity=popularity[rows],
            days_since=bought.days_since,
            times=bought.times,
            hour=12.0,
            weekday=3.0,
        )

    rankers = {f"{hidden} hidden units": Ranker(made(hidden, rng)) for hidden in (0, 8, 32)}
    matrix = seen(drawn[0])
    baseline = p50(rescored, drawn, given.calls)
    print(f"{given.candidates} candidates, p50 of {given.calls} calls; the baseline is their rescoring, u . v")
    print(f"{'rescoring':<44}{baseline:>8.1f} µs")
    told = {"features": seen}
    told |= {f"forward pass, {name}": lambda rows, of=of: of.score(matrix) for name, of in rankers.items()}
    told |= {
        f"features and forward pass, {name}": lambda rows, of=of: of.score(seen(rows)) for name, of in rankers.items()
    }
    told["explaining one candidate, 8 hidden units"] = lambda rows: rankers["8 hidden units"].contributions(matrix[0])
    for name, call in told.items():
        took = p50(call, drawn, given.calls)
        print(f"{name:<44}{took:>8.1f} µs{took / baseline:>8.2f} × rescoring")


def made(hidden: int, rng: np.random.Generator) -> Weights:
    """A ranker with random weights."""
    wide = len(features.NAMES)
    shapes = ((wide,), (wide,), (wide, hidden), (hidden,), (wide, 2), (hidden, 2), (2,))
    parts = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    parts[1] = np.ones(wide, dtype=np.float32)
    return Weights(*parts)


def p50(call: Callable[[np.ndarray], object], drawn: list[np.ndarray], calls: int) -> float:
    """Microseconds of a call, half of them below."""
    for rows in drawn:
        call(rows)
    taken = []
    for n in range(calls):
        started = time.perf_counter_ns()
        call(drawn[n % len(drawn)])
        taken.append(time.perf_counter_ns() - started)
    return median(taken) / 1000


if __name__ == "__main__":
    main()
