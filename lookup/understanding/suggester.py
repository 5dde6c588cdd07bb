"""Completions of what a shopper has typed so far: queries, categories, brands and items.

Any word of a text may begin with the prefix: "tv" finds "samsung tv", after the texts that begin with it. Nothing is
found inside a word: "call" is no "recall". Exact completions come before those with a letter corrected, which fill up
only where fewer than `FEW` exact ones are there. The words may come in another order.

It needs only arrays and no release, so it stands here, beside what it shares with spelling, and not in `serving`: that
gives it the items that may not be shown.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays
from lookup.understanding.completions import Completions
from lookup.understanding.rewrites import Texts

QUERY, CATEGORY, BRAND, ITEM = "query", "category", "brand", "item"
SUGGESTION_KINDS = (QUERY, CATEGORY, BRAND, ITEM)
LONGEST_PREFIX = 80
"""Characters; what follows does not matter."""
FEW = 3
"""With fewer completions a letter may be wrong."""
MOST_WORDS = 6
"""Words of a prefix that are looked for in any order."""
MOST = 100
"""Suggestions of a call."""


class Suggestion(NamedTuple):
    """A completion."""

    text: str
    """As it is shown."""
    kind: str
    """One of `SUGGESTION_KINDS`."""
    row: int
    """Of the category, brand or item; -1 for a query."""
    score: float
    """How popular it is, 0 to 1: the order among completions of one sort."""
    corrected: bool
    """Whether a letter of the prefix was taken for another."""


class Suggester:
    """Completes prefixes by the arrays of a release (`lookup.understanding.arrays.SUGGESTIONS`). Thread-safe."""

    def __init__(self, arrays: Arrays):
        self._entries = Completions(arrays)
        self._text = Texts(arrays["suggest_text_offsets"], arrays["suggest_text_bytes"])
        self._kind = arrays["suggest_kind"].data
        self._row = arrays["suggest_row"].data
        self._score = arrays["suggest_score"].data

    def __len__(self) -> int:
        return len(self._text)

    def suggest(
        self,
        prefix: str,
        k: int = 8,
        kinds: Collection[str] = SUGGESTION_KINDS,
        blocked: Sequence[int] | bytes = b"",
    ) -> list[Suggestion]:
        """At most k completions, the best first; of an empty prefix what is popular. Never raises for a str.

        k: at most `MOST`. kinds: those that are wanted. blocked: a byte for each item by its row, not 0 where the item
        is hidden or sold out; an item beyond its end may be shown.
        Raises ValueError for an unknown kind, and for a k out of bounds.
        """
        unknown = set(kinds) - set(SUGGESTION_KINDS)
        if unknown:
            raise ValueError(f"no kind of suggestion is called {sorted(unknown)[0]!r:.100}")
        if not 1 <= k <= MOST:
            raise ValueError(f"k is 1 to {MOST}, not {k!r:.100}")
        typed = prefix[: 4 * LONGEST_PREFIX]
        key = normalise(typed)[:LONGEST_PREFIX].strip()
        picked = _Picked(self, k, {SUGGESTION_KINDS.index(kind) for kind in kinds}, blocked)
        if key and typed[-1].isspace():
            self._pick(picked, key + " ")
        self._pick(picked, key)
        words = key.split(" ")[:MOST_WORDS]
        few = min(FEW, k)
        if len(picked.found) < few and len(words) > 1:
            picked.add(self._entries.with_words(words), False)
        if len(picked.found) < few:
            ranges = self._entries.with_typo(key)
            entries = {entry for one in ranges for entry in self._entries.best(one)[: 4 * k]}
            best = sorted(entries, key=self._entries.ranks.data.__getitem__)
            picked.add((self._entries.texts.data[entry] for entry in best), True)
        return picked.found

    def _pick(self, picked: "_Picked", key: str) -> None:
        """Add what begins with a key: its best, and if too many of these may not be shown, the others."""
        found = self._entries.with_prefix(key)
        if found[0] == found[1]:
            return
        texts = self._entries.texts.data
        best = self._entries.best(found)
        picked.add((texts[entry] for entry in best), False)
        if not picked.full and len(best) < found[1] - found[0]:
            picked.add((texts[entry] for entry in self._entries.best(found, whole=True)), False)

    def read(self, text: int, corrected: bool) -> Suggestion:
        """One suggested text. text: its row."""
        kind = SUGGESTION_KINDS[self._kind[text]]
        return Suggestion(self._text[text], kind, self._row[text], self._score[text], corrected)


class _Picked:
    """The suggestions of a call so far."""

    def __init__(self, suggester: Suggester, k: int, kinds: set[int], blocked: Sequence[int] | bytes):
        self.found: list[Suggestion] = []
        self.full = False
        self._suggester = suggester
        self._k = k
        self._kinds = kinds
        self._blocked = blocked
        self._rows: set[int] = set()
        self._shown: set[tuple[str, str]] = set()

    def add(self, texts: Iterable[int], corrected: bool) -> None:
        """Add texts by their rows, until there are enough. Of equal texts of one kind the first is shown."""
        suggester, item = self._suggester, SUGGESTION_KINDS.index(ITEM)
        for text in texts:
            if self.full:
                return
            kind = suggester._kind[text]
            if text in self._rows or kind not in self._kinds:
                continue
            self._rows.add(text)
            row = suggester._row[text]
            if kind == item and row < len(self._blocked) and self._blocked[row]:
                continue
            one = suggester.read(text, corrected)
            if (one.text, one.kind) not in self._shown:
                self._shown.add((one.text, one.kind))
                self.found.append(one)
                self.full = len(self.found) >= self._k
