"""The ranker by day: features and forward pass of 200 candidates, beside the exact rescoring of the same candidates."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from lookup.scoring import features
from lookup.scoring.ranker import Ranker, Weights
from tests.benchmarks.shared.timing import options

ITEMS, TOY_ITEMS = 100_000, 1_000
CALLS, TOY_CALLS = 5_000, 50
HISTORY = 200
"""Events of the user."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--dimensions", type=int, default=193, help="of the vectors")
    given = parser.parse_args(argv)
    items, calls = (TOY_ITEMS, TOY_CALLS) if given.toy else (ITEMS, CALLS)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(items, given.dimensions)).astype(np.float32)
    user = vectors[0].copy()
    # Other rows for every call, as other users have: a cache warm from the call before would flatter both.
    drawn = [rng.permutation(items)[: given.candidates].astype(np.int32) for _ in range(64)]
    price, usual = rng.lognormal(size=(2, items))
    popularity = rng.exponential(5, items).astype(np.float32)
    in_stock = np.ones(items, dtype=np.uint8)
    bought = rng.integers(0, items, HISTORY).astype(np.int32)
    days, weights = np.arange(HISTORY, dtype=np.int32), np.ones(HISTORY, dtype=np.float32)
    scores = rng.normal(size=given.candidates).astype(np.float32)

    def rescored(rows: np.ndarray) -> object:
        return vectors[rows] @ user

    def seen(rows: np.ndarray) -> np.ndarray:
        purchases = features.bought(bought, days, weights, rows, HISTORY)
        return features.matrix(
            score=scores,
            price=price[rows],
            usual_price=usual[rows],
            in_stock=in_stock[rows],
            popularity=popularity[rows],
            days_since=purchases.days_since,
            times=purchases.times,
            hour=12.0,
            weekday=3.0,
        )

    rankers = {f"{hidden} hidden units": Ranker(made(hidden, rng)) for hidden in (0, 8, 32)}
    matrix = seen(drawn[0])
    baseline = p50(rescored, drawn, calls)
    print(f"{given.candidates} candidates, p50 of {calls} calls; the baseline is their rescoring, u . v")
    print(f"{'rescoring':<44}{baseline:>8.1f} µs")
    told = {"features": seen}
    told |= {f"forward pass, {name}": lambda rows, of=of: of.score(matrix) for name, of in rankers.items()}
    told |= {
        f"features and forward pass, {name}": lambda rows, of=of: of.score(seen(rows)) for name, of in rankers.items()
    }
    told["explaining one candidate, 8 hidden units"] = lambda rows: rankers["8 hidden units"].contributions(matrix[0])
    for name, call in told.items():
        took = p50(call, drawn, calls)
        print(f"{name:<44}{took:>8.1f} µs{took / baseline:>8.2f} × rescoring")
    return 0


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
