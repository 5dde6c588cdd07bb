"""Synonyms and redirects: what the shop wants words, or a whole query, to mean as well, or instead."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

from lookup.keys import Keys
from lookup.text.analyzer import Analyzer, Token
from lookup.understanding.arrays import Arrays
from lookup.understanding.attributes import Phrases, joined

URL, CATEGORY = "url", "category"
REDIRECT_KINDS = (URL, CATEGORY)


class Synonym(NamedTuple):
    """Other words for some words of a query."""

    words: str
    first: int
    """The first of these words among the query's tokens, and the one after the last."""
    end: int
    instead: str
    weight: float
    """What a match of the other words counts beside one of these: below 1, so that the exact word wins."""


class Redirect(NamedTuple):
    """Where a query leads."""

    kind: str
    """`url` or `category`."""
    target: str


class Texts:
    """A table of texts by row: offsets int64 (n + 1,) and bytes."""

    def __init__(self, offsets: NDArray[Any], data: NDArray[Any]):
        self._offsets, self._data = offsets.data, data.data

    def __len__(self) -> int:
        return max(len(self._offsets) - 1, 0)

    def __getitem__(self, row: int) -> str:
        return str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")


class Rewrites:
    """Synonyms and redirects of a release (`lookup.understanding.arrays.MEANING`)."""

    def __init__(self, arrays: Arrays, analyzer: Analyzer):
        self._analyzer = analyzer
        self._phrases = Phrases(keys_of(arrays, "meaning_synonyms"))
        self._first = arrays["meaning_synonym_first"].data
        self._weight = arrays["meaning_synonym_weight"].data
        self._instead = Texts(arrays["meaning_synonym_text_offsets"], arrays["meaning_synonym_text_bytes"])
        self._redirects = keys_of(arrays, "meaning_redirects")
        self._kind = arrays["meaning_redirect_kind"].data
        self._target = Texts(arrays["meaning_redirect_text_offsets"], arrays["meaning_redirect_text_bytes"])

    def synonyms(self, tokens: list[Token]) -> tuple[Synonym, ...]:
        """Of the longest phrases that have some, in the query's order; the heaviest of a phrase first."""
        return tuple(
            Synonym(joined(tokens[first:end]), first, end, self._instead[at], self._weight[at])
            for row, first, end in self._phrases.find(stems(tokens, self._analyzer))
            for at in range(self._first[row], self._first[row + 1])
        )

    def redirect(self, key: str) -> Redirect | None:
        """Where a whole query leads. key: its tokens with single blanks (`attributes.joined`)."""
        row = self._redirects.find(key) if key else -1
        return None if row < 0 else Redirect(REDIRECT_KINDS[self._kind[row]], self._target[row])


def stems(tokens: list[Token], analyzer: Analyzer) -> list[Token]:
    """Tokens with their terms for texts: so "couches" has the synonyms of "couch"."""
    return [token._replace(text=analyzer.term([token.text])) for token in tokens]


def keys_of(arrays: Arrays, prefix: str) -> Keys:
    """The table of texts whose arrays have this prefix."""
    return Keys(arrays[f"{prefix}_hash"], arrays[f"{prefix}_offsets"], arrays[f"{prefix}_bytes"])
