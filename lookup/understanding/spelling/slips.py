"""Slips of the finger and of the ear: what it costs to have typed one text for another.

The cost is -log P(typed | meant), by the cheapest row of slips: a weighted Damerau-Levenshtein distance in its form
"optimal string alignment" (Damerau 1964; as a noisy channel: Kernighan, Church and Gale 1990). Each kind of slip has
one cost. `jobs.models.understanding.slips` learns them from pairs of what was typed and what was meant.
"""

from collections.abc import Sequence
from math import inf

KINDS = (
    "other letter",
    "neighbour on the keyboard",
    "other vowel",
    "letter that sounds alike",
    "missing letter",
    "missing letter of a double",
    "missing vowel",
    "extra letter",
    "extra letter of a double",
    "two letters swapped",
    "missing blank",
    "extra blank",
    "first letter of a word",
)
(
    OTHER,
    NEIGHBOUR,
    VOWEL,
    SOUND,
    MISSING,
    MISSING_DOUBLE,
    MISSING_VOWEL,
    EXTRA,
    EXTRA_DOUBLE,
    SWAPPED,
    MISSING_BLANK,
    EXTRA_BLANK,
    FIRST,
) = range(len(KINDS))
"""The kinds, and their places in a table of costs. The last one is added to any slip in the first letter of a word."""

DEFAULT_COSTS = (9.0, 7.3, 5.2, 6.3, 4.0, 3.0, 3.6, 7.6, 5.5, 5.0, 3.1, 6.1, 1.7)
"""Minus natural logarithms, by kind: what `learn_costs` finds in 2,245 misspelt searches of an American hardware store,
whose halves agree within 0.6. They hold for a query with a slip; a shop's own pairs replace them."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SOUNDS = ("ckqs", "sz", "fv", "dt", "bp", "gj", "mn", "iy", "uw", "lr", "xs", "vw")
_VOWELS = ("aeiou", "аеиоуыэюя", "αεηιουω")
VOWELS = frozenset("".join(_VOWELS))


def _pairs() -> dict[str, int]:
    """The kind of each pair of letters that is no `OTHER`."""
    found: dict[str, int] = {}
    for y, row in enumerate(_ROWS):
        for x, letter in enumerate(row):
            near = [(x + 1, y), (x, y + 1), (x - 1, y + 1)]
            for i, j in near:
                if j < len(_ROWS) and 0 <= i < len(_ROWS[j]):
                    found[letter + _ROWS[j][i]] = found[_ROWS[j][i] + letter] = NEIGHBOUR
    for group in _SOUNDS:
        found |= {a + b: SOUND for a in group for b in group if a != b}
    for vowels in _VOWELS:
        found |= {a + b: VOWEL for a in vowels for b in vowels if a != b}
    return found


PAIRS = _pairs()


def replaced(typed: str, meant: str) -> int | None:
    """The kind of slip that typed one letter for another. None: one is a digit or a blank, which no slip explains."""
    kind = PAIRS.get(typed + meant)
    if kind is None and typed.isalpha() and meant.isalpha():
        return OTHER
    return kind


def missing(meant: str, at: int) -> int | None:
    """The kind of slip that left out one letter of `meant`. None: it is a digit."""
    letter = meant[at]
    if letter == " ":
        return MISSING_BLANK
    if (at and meant[at - 1] == letter) or meant[at + 1 : at + 2] == letter:
        return None if letter.isdigit() else MISSING_DOUBLE
    if letter in VOWELS:
        return MISSING_VOWEL
    return None if letter.isdigit() else MISSING


def extra(typed: str, at: int) -> int | None:
    """The kind of slip that typed one letter too many. None: it is a digit."""
    letter = typed[at]
    if letter == " ":
        return EXTRA_BLANK
    if letter.isdigit():
        return None
    return EXTRA_DOUBLE if (at and typed[at - 1] == letter) or typed[at + 1 : at + 2] == letter else EXTRA


class SlipCosts:
    """Prices slips by one table of costs."""

    def __init__(self, costs: Sequence[float] = DEFAULT_COSTS):
        """costs: by kind, as in `KINDS`."""
        self.costs = tuple(map(float, costs))
        self._pairs = {pair: self.costs[kind] for pair, kind in PAIRS.items()}

    def cost(self, typed: str, meant: str, limit: float = inf, band: int = 4) -> float:
        """The cost of having typed one text for the other: 0 for equal ones.

        inf: it is above the limit, digits differ, or a letter is more than `band` places from where it was meant.
        """
        if typed == meant:
            return 0.0
        start, a, b = 0, len(typed), len(meant)
        if a - b > band or b - a > band:
            return inf
        shorter = min(a, b)
        while start < shorter and typed[start] == meant[start]:
            start += 1
        while a > start and b > start and typed[a - 1] == meant[b - 1]:
            a, b = a - 1, b - 1
        more = [self._priced(extra(typed, i), typed, i) for i in range(start, a)]
        gone = [self._priced(missing(meant, j), meant, j) for j in range(start, b)]
        if not more or not gone:
            total = sum(more) + sum(gone)
            return total if total <= limit else inf
        first = [self.costs[FIRST] if j == 0 or meant[j - 1] == " " else 0.0 for j in range(start, b)]
        return self._table(
            typed=typed[start:a], meant=meant[start:b], more=more, gone=gone, first=first, limit=limit, band=band
        )

    def of_few(self, typed: str, meant: str, slips: int) -> float:
        """The cost by at most so many slips, inf where it needs more: for one or two much quicker than `cost`."""
        return self._few((typed, meant), (0, 0), (len(typed), len(meant)), slips)

    def _few(self, texts: tuple[str, str], start: tuple[int, int], end: tuple[int, int], slips: int) -> float:
        """The cost between two places of what was typed and of what was meant. A common beginning or end is no slip."""
        typed, meant = texts
        (i, j), (a, b) = start, end
        while i < a and j < b and typed[i] == meant[j]:
            i, j = i + 1, j + 1
        while i < a and j < b and typed[a - 1] == meant[b - 1]:
            a, b = a - 1, b - 1
        m, n = a - i, b - j
        if m == n == 0:
            return 0.0
        if abs(m - n) > slips or (slips < 2 and (slips == 0 or max(m, n) > 2)):
            return inf
        best, rest = inf, slips - 1
        if m:
            price = self._priced(extra(typed, i), typed, i)
            best = price + self._few(texts, (i + 1, j), (a, b), rest) if price < inf else inf
        if n:
            price = self._priced(missing(meant, j), meant, j)
            best = min(best, price + self._few(texts, (i, j + 1), (a, b), rest)) if price < inf else best
        if m and n:
            price = self._priced(replaced(typed[i], meant[j]), meant, j)
            best = min(best, price + self._few(texts, (i + 1, j + 1), (a, b), rest)) if price < inf else best
        if m > 1 < n and typed[i] == meant[j + 1] and typed[i + 1] == meant[j] and typed[i : i + 2].isalpha():
            best = min(best, self.costs[SWAPPED] + self._few(texts, (i + 2, j + 2), (a, b), rest))
        return best

    def _table(
        self,
        *,
        typed: str,
        meant: str,
        more: list[float],
        gone: list[float],
        first: list[float],
        limit: float,
        band: int,
    ) -> float:
        """The cost by dynamic programming. more, gone: of an extra and of a missing letter at each place; first: what
        the first letter of a word adds to another slip."""
        pairs, other, swapped, b = self._pairs, self.costs[OTHER], self.costs[SWAPPED], len(meant)
        row = [0.0]
        for price in gone:
            row.append(row[-1] + price)
        before = last = row
        lowest = 0.0
        for i, letter in enumerate(typed):
            before, last = last, row
            row = [inf] * (b + 1)
            if i < band:
                row[0] = last[0] + more[i]
            low = row[0]
            for j in range(max(0, i - band), min(b, i + band + 1)):
                wanted = meant[j]
                if letter == wanted:
                    cost = last[j]
                else:
                    price = pairs.get(letter + wanted, 0.0)
                    if not price:
                        price = other if letter.isalpha() and wanted.isalpha() else inf
                    cost = last[j] + price + first[j]
                    if i and j and letter == meant[j - 1] and typed[i - 1] == wanted and (letter + wanted).isalpha():
                        cost = min(cost, before[j - 1] + swapped)
                cost = min(cost, last[j + 1] + more[i], row[j] + gone[j])
                row[j + 1] = cost
                low = min(low, cost)
            if low > limit and lowest > limit:
                return inf
            lowest = low
        return row[-1] if row[-1] <= limit else inf

    def _priced(self, kind: int | None, text: str, at: int) -> float:
        """The cost of a slip at one place of a text; inf where no slip explains it."""
        if kind is None:
            return inf
        if (at == 0 or text[at - 1] == " ") and kind not in (MISSING_BLANK, EXTRA_BLANK):
            return self.costs[kind] + self.costs[FIRST]
        return self.costs[kind]
