"""Texts like those that shoppers type, made of titles: words by themselves and short runs of words.

All functions take titles as lists of words, as `lookup.text` normalises them.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

LENGTHS = (0.08, 0.42, 0.34, 0.16)
"""How many of the runs have 1, 2, 3 and 4 words."""
GAPS = 0.3
"""The share of runs that leave out words in between, as "acme lamp" of "Acme 40 W desk lamp"."""
TRIES = 20
"""Draws for each run that is wanted, before a shop with few titles gives up."""


def alone(titles: Sequence[Sequence[str]], least: int = 2) -> list[str]:
    """Return the words of at least `least` titles, the most frequent first; of pure numbers those of 5 × as many."""
    count = Counter(word for title in titles for word in set(title))
    found = [(word, times) for word, times in count.items() if times >= least * (5 if word.isdigit() else 1)]
    return [word for word, _ in sorted(found, key=lambda one: (-one[1], one[0]))]


def runs(titles: Sequence[Sequence[str]], count: int, seed: int) -> list[str]:
    """Return at most `count` different runs of 1 to 4 words of titles drawn at random, joined by spaces.

    A shop with too few titles has fewer runs.
    """
    filled = [title for title in titles if title]
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    for _ in range(TRIES * count if filled else 0):
        if len(found) >= count:
            break
        title = filled[rng.integers(len(filled))]
        length = min(len(title), 1 + int(rng.choice(len(LENGTHS), p=LENGTHS)))
        if rng.random() < GAPS:
            places = sorted(rng.choice(len(title), length, replace=False).tolist())
            run = [title[place] for place in places]
        else:
            start = int(rng.integers(len(title) - length + 1))
            run = list(title[start : start + length])
        found[" ".join(run)] = None
    return list(found)
