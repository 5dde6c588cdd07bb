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
DRAWS = 2048
"""Runs that are drawn at a time …"""
NEW = 0.1
"""… for as long as this share of them is new."""


def alone(titles: Sequence[Sequence[str]], least: int = 2) -> list[str]:
    """Return the words of at least `least` titles, the most frequent first; of pure numbers those of 5 × as many."""
    count = Counter(word for title in titles for word in set(title))
    found = [(word, times) for word, times in count.items() if times >= least * (5 if word.isdigit() else 1)]
    return [word for word, _ in sorted(found, key=lambda one: (-one[1], one[0]))]


def runs(titles: Sequence[Sequence[str]], count: int, seed: int) -> list[str]:
    """Return at most `count` different runs of 1 to 4 words of titles drawn at random, joined by spaces.

    A shop with too few titles has fewer runs: it is enough once hardly any draw is new.
    """
    filled = [title for title in titles if title]
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while filled and len(found) < count:
        before = len(found)
        drawn = rng.integers(len(filled), size=DRAWS).tolist()
        lengths = (1 + rng.choice(len(LENGTHS), size=DRAWS, p=LENGTHS)).tolist()
        gaps, starts = (rng.random(DRAWS) < GAPS).tolist(), rng.random(DRAWS).tolist()
        for one, wanted, gap, start in zip(drawn, lengths, gaps, starts, strict=True):
            title = filled[one]
            length = min(len(title), wanted)
            if gap:
                run = [title[place] for place in sorted(rng.permutation(len(title))[:length].tolist())]
            else:
                first = int(start * (len(title) - length + 1))
                run = list(title[first : first + length])
            found[" ".join(run)] = None
            if len(found) == count:
                break
        if len(found) - before < NEW * DRAWS:
            break
    return list(found)
