"""Item transitions of 12,000 items, fitted by compiled code, beside numpy on one thread.

Prints seconds and ratios. A ratio above 1 means that compiled code is faster. The results are compared number by
number.
"""

import os
from collections.abc import Sequence
from unittest import mock

import numpy as np
import scipy.sparse as sp

from jobs.models import item_transitions, squares
from jobs.models.item_transitions import FittedTransitions, Penalty
from tests.benchmarks.shared.timing import options, seconds, table

USERS, ITEMS, HAD, TAKEN = 20_000, 12_000, 40, 6
SMALL = 200, 150, 20, 4
PENALTY = Penalty(ridge=10.0, shrink=0.3)


def shop(users: int, items: int, each: int, seed: int) -> "sp.csr_array":
    """So many items of each user, popular ones more often; as many as a public set has."""
    rng = np.random.default_rng(seed)
    share = 1.0 / np.arange(1, items + 1) ** 0.8
    number = np.random.default_rng(0).permutation(items)
    rows = np.repeat(np.arange(users, dtype=np.int32), each)
    columns = rng.choice(items, users * each, p=share / share.sum())
    made = sp.csr_array(
        (rng.random(len(rows)).astype(np.float32), (rows, number[columns].astype(np.int32))), shape=(users, items)
    )
    made.sum_duplicates()
    return made


def main(argv: Sequence[str] | None = None) -> int:
    users, items, had, taken = SMALL if options(__doc__).parse_args(argv).toy else (USERS, ITEMS, HAD, TAKEN)
    x, y = shop(users, items, had, 1), shop(users, items, taken, 2)
    found: list[FittedTransitions] = []

    def fit(threads: int) -> None:
        found.append(item_transitions.fit(x, y, PENALTY, itself=True, threads=threads))

    with mock.patch.object(squares, "library", return_value=None):
        base = seconds(lambda: fit(1))
    rows = [["numpy, 1 thread", f"{base:.2f}", "1.00"]]
    for threads in sorted({1, os.cpu_count() or 1}):
        taken_s = seconds(lambda threads=threads: fit(threads))  # type: ignore[misc]
        rows.append([f"compiled, {threads} threads", f"{taken_s:.2f}", f"{base / taken_s:.2f}"])
    table(["item transitions", "s", "ratio"], rows)
    same = all(
        np.array_equal(one.items, found[0].items) and np.array_equal(one.weights, found[0].weights) for one in found
    )
    print(f"the same numbers: {'yes' if same else 'no'}")
    return 0 if same else 1
