"""What each kind of slip costs in this shop, learned from pairs of what was typed and what was meant.

Such pairs are in a shop's log: a search without a result, and moments later a similar one with a click. Costs are
-log P(slip | its occasion) by Viterbi training: align each pair with the costs so far, count, and once more. The
defaults of `lookup` count as pseudo-counts, so that a few pairs move them little.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import exp, inf, log
from typing import NamedTuple

from lookup.text.normalise import normalise
from lookup.understanding.spelling.slips import (
    DEFAULT_COSTS,
    EXTRA,
    EXTRA_BLANK,
    EXTRA_DOUBLE,
    FIRST,
    KINDS,
    MISSING,
    MISSING_BLANK,
    MISSING_DOUBLE,
    MISSING_VOWEL,
    NEIGHBOUR,
    OTHER,
    SOUND,
    SWAPPED,
    VOWEL,
    VOWELS,
    extra,
    missing,
    replaced,
)

CHOICES = {OTHER: 25.0, NEIGHBOUR: 5.0, VOWEL: 4.0, SOUND: 2.0, EXTRA: 26.0}
"""How many letters a slip of this kind chooses from: each is as likely as the others. 1 where it is not stated."""
ROUNDS = 4
PRIOR = 2_000.0
"""Occasions of each kind that the defaults count for."""
LONGEST = 100
"""Characters; longer texts teach nothing."""
MOST_SLIPS = 4
"""A pair with more slips is no misspelling."""
SOON = 120.0
"""A user who types something similar so soon corrects it."""
LETTERS_A_SLIP = 3
"""Nor is one with more than a slip in so many letters."""

Slip = tuple[int, bool]
"""A kind, and whether it was in the first letter of a word."""


def learn_costs(
    pairs: Iterable[tuple[str, str]], prior: float = PRIOR, start: Sequence[float] = DEFAULT_COSTS
) -> tuple[float, ...]:
    """The cost of each kind of slip, natural logarithms, in the order of `lookup.understanding.spelling.slips.KINDS`.

    pairs: typed and meant. Pairs that slips do not explain are passed over.
    """
    texts = [(normalise(typed[:LONGEST]), normalise(meant[:LONGEST])) for typed, meant in pairs]
    costs = tuple(start)
    for _ in range(ROUNDS):
        counts = [0.0] * len(KINDS)
        occasions = [0.0] * len(KINDS)
        firsts = letters = used = 0.0
        for typed, meant in texts:
            slips = aligned(typed, meant, costs)
            if slips is None or len(slips) > min(MOST_SLIPS, len(meant) // LETTERS_A_SLIP):
                continue
            used += 1
            for kind, first in slips:
                counts[kind] += 1
                firsts += first
            for kind, times in _occasions(meant).items():
                occasions[kind] += times
            letters += sum(letter.isalpha() for letter in meant)
        costs = _costs(counts, occasions, prior, start)
        words = occasions[MISSING_BLANK] + used
        total = sum(counts) - counts[MISSING_BLANK] - counts[EXTRA_BLANK]
        usual = prior / 10
        share = (firsts + usual * exp(-start[FIRST])) / (total * words / max(letters, 1.0) + usual)
        costs = (*costs[:FIRST], max(0.0, -log(share)))
    return costs


class Searched(NamedTuple):
    """One search of the log."""

    user: str
    seconds: float
    """When, on any clock."""
    text: str
    clicked: bool
    """Whether a result was clicked or bought."""


def typos_of(searches: Iterable[Searched]) -> list[tuple[str, str]]:
    """What users typed first without a click, and what they typed within `SOON` seconds with one, where a few slips
    lie between. searches: in any order."""
    ordered = sorted(searches, key=lambda one: (one.user, one.seconds, one.text))
    pairs = []
    for before, after in pairwise(ordered):
        soon = before.user == after.user and after.seconds - before.seconds <= SOON
        if soon and after.clicked and not before.clicked:
            typed, meant = normalise(before.text[:LONGEST]), normalise(after.text[:LONGEST])
            slips = aligned(typed, meant, DEFAULT_COSTS)
            if slips and len(slips) <= min(MOST_SLIPS, len(meant) // LETTERS_A_SLIP):
                pairs.append((typed, meant))
    return pairs


def _costs(counts: list[float], occasions: list[float], prior: float, start: Sequence[float]) -> tuple[float, ...]:
    """Minus the logarithms of the shares, smoothed; the last kind as it was."""
    found = []
    for kind in range(FIRST):
        choices = CHOICES.get(kind, 1.0)
        before = prior * choices * exp(-start[kind])
        share = (counts[kind] + before) / max(occasions[kind] + prior, 1e-9)
        found.append(-log(max(share, 1e-9) / choices))
    return (*found, start[FIRST])


def _occasions(meant: str) -> dict[int, float]:
    """How often each kind of slip could have happened in a text."""
    letters = [letter for letter in meant if letter.isalpha()]
    vowels = sum(letter in VOWELS for letter in letters)
    doubles = sum(a == b and a.isalpha() for a, b in pairwise(meant))
    n, blanks = float(len(letters)), float(meant.count(" "))
    return {
        OTHER: n,
        NEIGHBOUR: n,
        VOWEL: vowels,
        SOUND: n,
        MISSING: max(n - vowels - 2 * doubles, 0.0),
        MISSING_DOUBLE: 2.0 * doubles,
        MISSING_VOWEL: vowels,
        EXTRA: n,
        EXTRA_DOUBLE: n,
        SWAPPED: max(n - blanks - 1, 0.0),
        MISSING_BLANK: blanks,
        EXTRA_BLANK: max(n - blanks - 1, 0.0),
    }


def aligned(typed: str, meant: str, costs: Sequence[float]) -> list[Slip] | None:
    """The cheapest slips that turn what was meant into what was typed; None where none do."""
    a, b = len(typed), len(meant)
    best: list[list[tuple[float, int, int, Slip | None]]] = [[(inf, 0, 0, None)] * (b + 1) for _ in range(a + 1)]
    best[0][0] = (0.0, 0, 0, None)

    def offer(to: tuple[int, int], back: tuple[int, int], kind: int | None, text: str, at: int) -> None:
        (i, j), (from_i, from_j) = to, (to[0] - back[0], to[1] - back[1])
        if kind is None:
            return
        first = (at == 0 or text[at - 1] == " ") and kind not in (MISSING_BLANK, EXTRA_BLANK)
        cost = best[from_i][from_j][0] + costs[kind] + (costs[FIRST] if first else 0.0)
        if cost < best[i][j][0]:
            best[i][j] = (cost, from_i, from_j, (kind, first))

    for i in range(a + 1):
        for j in range(b + 1):
            if i and j and typed[i - 1] == meant[j - 1] and best[i - 1][j - 1][0] < best[i][j][0]:
                best[i][j] = (best[i - 1][j - 1][0], i - 1, j - 1, None)
            elif i and j:
                offer((i, j), (1, 1), replaced(typed[i - 1], meant[j - 1]), meant, j - 1)
            if i:
                offer((i, j), (1, 0), extra(typed, i - 1), typed, i - 1)
            if j:
                offer((i, j), (0, 1), missing(meant, j - 1), meant, j - 1)
            swapped = i > 1 and j > 1 and typed[i - 1] == meant[j - 2] != typed[i - 2] == meant[j - 1]
            if swapped and typed[i - 2 : i].isalpha():
                offer((i, j), (2, 2), SWAPPED, meant, j - 2)
    if best[a][b][0] == inf:
        return None
    slips, i, j = [], a, b
    while i or j:
        _, i, j, slip = best[i][j]
        if slip is not None:
            slips.append(slip)
    return slips
