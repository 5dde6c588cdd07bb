"""Words that people write in one and in two: "microsd" and "micro sd"."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from lookup.text.analyzer import Analyzer

LEAST_TIMES = 2
"""How often both forms are there at least."""
LEAST_SHARE = 0.05
"""How much of the rarer part must be in the pair. So "in to" makes no "into", though both are frequent."""
SHORTEST, SHORTEST_PART = 5, 2
"""Characters of a joined form, and of its parts."""
MOST = 20_000
"""Compounds of a shop at most: the most frequent ones."""


def compounds(texts: Iterable[str], analyzer: Analyzer) -> dict[str, tuple[str, ...]]:
    """The compounds of titles and queries, as an `Analyzer` takes them: joined form → its two parts.

    Both forms must be there, the one in two with a blank or a hyphen between. A form whose parts could be several pairs
    ("over all", "overall") has the most frequent one.
    """
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        names = analyzer.chunks(text)
        words.update(names)
        pairs.update(pair for pair in pairwise(names) if pair[0].isalpha() and pair[1].isalpha())
        for name in names:
            first, hyphen, second = name.partition("-")
            if hyphen and first.isalpha() and second.isalpha():
                pairs[first, second] += 1
                words.update((first, second))
    found: dict[str, tuple[str, ...]] = {}
    for pair, times in sorted(pairs.items(), key=lambda one: (-one[1], one[0])):
        joined = "".join(pair)
        if times < LEAST_TIMES or len(found) >= MOST:
            break
        if (
            joined not in found
            and words[joined] >= LEAST_TIMES
            and len(joined) >= SHORTEST
            and min(map(len, pair)) >= SHORTEST_PART
            and times >= LEAST_SHARE * min(words[part] for part in pair)
        ):
            found[joined] = pair
    return found
