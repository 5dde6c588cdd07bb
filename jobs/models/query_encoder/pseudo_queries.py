"""Texts like those that shoppers type, made of titles: words by themselves and short runs of words.

All functions take titles as lists of words, as `lookup.text` normalises them.
"""

import random
import struct
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate, islice
from itertools import count as count_up

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
    """Return at most `count` different runs of 1 to 4 words of titles, joined by spaces.

    Titles are taken round by round in an order that is random and their own, and what is drawn of a title depends on
    the title and the round alone: of a catalogue in which few titles change few runs do. A shop with too few titles
    has fewer runs: it is enough once hardly any draw is new.
    """
    times: Counter[str] = Counter()
    filled = []
    for title in titles:
        if title:
            text = " ".join(title)
            filled.append((_numbers(seed, times[text], text)[0], title, f"{times[text]} {text}"))
            times[text] += 1
    filled.sort(key=lambda one: (one[0], one[2]))
    found: dict[str, None] = {}
    draws = ((title, _numbers(seed, 1 + turn, text)) for turn in count_up() for _, title, text in filled)
    while filled and len(found) < count:
        before = len(found)
        for title, numbers in islice(draws, DRAWS):
            found[" ".join(_run(title, numbers))] = None
            if len(found) == count:
                break
        if len(found) - before < NEW * DRAWS:
            break
    return list(found)


def _run(title: Sequence[str], numbers: tuple[float, ...]) -> list[str]:
    """A run of a title. numbers: random, from 0 to 1: for its length, whether it has gaps, and where it begins."""
    length = min(len(title), 1 + sum(numbers[1] >= share for share in accumulate(LENGTHS[:-1])))
    if numbers[2] < GAPS:
        places = random.Random(numbers[3]).sample(range(len(title)), length)
        return [title[place] for place in sorted(places)]
    first = int(numbers[3] * (len(title) - length + 1))
    return list(title[first : first + length])


def _numbers(seed: int, turn: int, text: str) -> tuple[float, ...]:
    """Four numbers from 0 to 1 that depend on these alone."""
    digest = blake2b(f"{seed} {turn} {text}".encode("utf-8", "replace"), digest_size=32).digest()
    return tuple(number / 2**64 for number in struct.unpack("<4Q", digest))
