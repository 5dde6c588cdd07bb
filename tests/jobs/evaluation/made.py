"""Small problems for tests, drawn at random."""

import numpy as np

from jobs.evaluation.problems.problem import ItemFacts, Problem, distinct, histories


def bare(count: int) -> ItemFacts:
    return ItemFacts(
        [f"i{n}" for n in range(count)], [""] * count, [[] for _ in range(count)], np.full(count, np.nan), [""] * count
    )


def problem(seed: int, *, users: int = 12, items: int = 15, protocol: str = "split by time") -> Problem:
    """Timed events of random users, most of them measured; several events may be of the same day."""
    rng = np.random.default_rng(seed)
    ordered = protocol != "fixed lists"
    lengths = rng.integers(1, 9, users)
    user = np.repeat(np.arange(users), lengths)
    days = rng.integers(0, 30, len(user)).astype(float) if ordered else np.zeros(len(user))
    train = histories(
        user, users, rng.integers(0, items, len(user)), days, rng.choice([0.5, 1.0], len(user)).astype(np.float32)
    )
    measured = np.sort(rng.choice(users, users - 3, replace=False))
    wants = rng.integers(1, 4, len(measured))
    truth = distinct(np.repeat(np.arange(len(measured)), wants), len(measured), rng.integers(0, items, wants.sum()))
    at = np.full(len(measured), 30.0 if ordered else 0.0)
    return Problem("small", protocol, bare(items), train, train.rows(measured), at, truth, ordered)
