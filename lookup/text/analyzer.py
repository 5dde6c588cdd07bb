"""The analyzer: from a text to its tokens and to the terms of an index, by night and by day the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lookup.lazy import lazy
from lookup.text.chunks import LONGEST_TERM, Kind, Piece, chunk_texts, chunks, pieces
from lookup.text.normalise import LONGEST_FIELD, LONGEST_QUERY, normalise
from lookup.text.stems import stemmer

CACHED = 1 << 16
"""How many chunks an analyzer remembers: some 50 MiB at most."""
LONGEST_CACHED = 48
"""Characters of the longest chunk that is remembered."""
MOST_QUERY_TOKENS = 64
"""Tokens of a query; what follows is left out."""


class Token(NamedTuple):
    """A word of a text: `text` is `normalise(whole)[start:end]`."""

    text: str
    start: int
    end: int
    kind: Kind


class QueryTerms(list[list[str]]):
    """For each position of a query the terms that mean it equally well, the main one first.

    A list, with what else a search needs to know of its query.
    """

    def __init__(
        self,
        positions: list[list[str]],
        weak: list[list[str]],
        parts: list[list[str]],
        text: str,
        places: Callable[[str], list[Token]],
        *,
        open_end: bool,
    ):
        super().__init__(positions)
        self.weak = weak
        """For each position further terms that say less: parts of a code, the bare number of a size."""
        self.parts = parts
        """For each position the terms that mean it only together: all parts of a code, of a ratio, of a compound."""
        self.text = text
        """The normalised query."""
        self._places, self._open_end = places, open_end

    @lazy
    def tokens(self) -> list[Token]:
        """The token of each position."""
        return self._places(self.text)[: len(self)]

    @property
    def prefix(self) -> str:
        """The last word as typed, where it may be the beginning of a longer one; empty where something follows it."""
        last = self.tokens[-1:]
        return last[0].text if self._open_end and last and last[0].end == len(self.text) else ""


class Chunk(NamedTuple):
    """What people write together: a word, a code, a hyphenated word, a number with its unit. Not to be changed."""

    tokens: tuple[tuple[str, int, int, Kind], ...]
    """Of each token its text, its place in the chunk, and its kind."""
    item: tuple[list[str], ...]
    """Of each token the terms of an item."""
    query: tuple[list[str], ...]
    """Of each token the terms of a query that mean it equally well."""
    weak: tuple[list[str], ...]
    """Of each token the terms of a query that say less."""
    parts: tuple[list[str], ...]
    """Of each token the terms that mean it only together."""


class Analyzer:
    """Tokens and terms of texts. One object for an index and for its queries; thread-safe.

    languages: Snowball's names (`lookup.text.stems.available`). compounds: joined surface form → its parts, such as
    {"microsd": ("micro", "sd")}: an item with either form is indexed under both, so a query needs nothing special.

    Raises ValueError for a language without a stemmer.
    """

    def __init__(
        self, languages: tuple[str, ...] = ("english",), compounds: Mapping[str, tuple[str, ...]] | None = None
    ):
        self.languages = tuple(languages)
        self.stem = stemmer(self.languages)
        """From a normalised word to its stem."""
        several = {joined: tuple(parts) for joined, parts in (compounds or {}).items() if len(parts) > 1}
        # By stems: "power cords" and "powercords" are of the compound "powercord" too.
        self._parts = {self._term(joined): parts for joined, parts in several.items()}
        self._begins: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for joined, parts in several.items():
            stems = tuple(self._term(part) for part in parts)
            self._begins.setdefault(parts[0], []).append((stems, self._term(joined)))
        self._known: dict[str, Chunk] = {}

    def tokens(self, text: str) -> list[Token]:
        """The tokens of a text, by their start. Token i is position i of `terms`."""
        return self.places(normalise(text, LONGEST_FIELD))

    def places(self, whole: str) -> list[Token]:
        """The tokens of a normalised text."""
        made = []
        for found in chunks(whole):
            start = found.start()
            for name, first, last, kind in self.chunk(found[0]).tokens:
                made.append(Token(name, start + first, start + last, kind))
        return made

    def terms(self, text: str) -> list[list[str]]:
        """What an item with this text is indexed under: for each position its terms, the main one first.

        The inner lists are shared: they are not to be changed.
        """
        known = self._known
        made: list[list[str]] = []
        names = self.chunks(text)
        starts = []
        for name in names:
            starts.append(len(made))
            made.extend((known.get(name) or self.chunk(name)).item)
        for place, joined in self.compounds(names):
            start = starts[place]
            made[start] = made[start] + _apart([joined], made[start])
        return made

    def chunks(self, text: str) -> list[str]:
        """What the text of an item is made of, in normalised form: each is one `chunk`."""
        return chunk_texts(normalise(text, LONGEST_FIELD))

    def compounds(self, names: list[str]) -> list[tuple[int, str]]:
        """Where the parts of a compound follow one another: the place of the first, and the term of the joined form."""
        begins = self._begins
        if not begins:
            return []
        return [
            (place, joined)
            for place, name in enumerate(names)
            if name in begins
            for stems, joined in begins[name]
            if tuple(map(self._term, names[place : place + len(stems)])) == stems
        ]

    def query(self, text: str) -> QueryTerms:
        """The positions of a query, at most `MOST_QUERY_TOKENS` of its first `LONGEST_QUERY` characters.

        They differ from an item's in this: each part of a hyphenated word or code has the joined form beside it, so
        that an item of either form holds all positions; and what says less is apart (`QueryTerms.weak`).
        """
        whole = normalise(text, LONGEST_QUERY)
        known = self._known
        positions: list[list[str]] = []
        weak: list[list[str]] = []
        parts: list[list[str]] = []
        for name in chunk_texts(whole):
            if name.isascii() and len(name) <= LONGEST_TERM and (name.isalpha() or name.isdigit()):
                # What `chunk` would say, from less memory: most words of a query are plain.
                stem = self.stem(name) if name.isalpha() else name
                if stem not in self._parts:
                    positions.append([stem])
                    weak.append([])
                    parts.append([])
                    continue
            chunk = known.get(name) or self.chunk(name)
            positions.extend(chunk.query)
            weak.extend(chunk.weak)
            parts.extend(chunk.parts)
        most = MOST_QUERY_TOKENS
        open_end = not text[-1:].isspace()
        return QueryTerms(positions[:most], weak[:most], parts[:most], whole, self.places, open_end=open_end)

    def term(self, parts: Sequence[str]) -> str:
        """The term of a normalised word; of several, that of items where they follow one another, if they are those of
        a compound.
        """
        return self._term("".join(parts))

    def chunk(self, text: str) -> Chunk:
        """The tokens and terms of one of `chunks`."""
        found = self._known.get(text)
        if found is None:
            found = self._analyse(text)
            if len(text) <= LONGEST_CACHED:
                if len(self._known) >= CACHED:
                    self._known = {}  # not cleared: another thread may read the old one
                self._known[text] = found
        return found

    def _analyse(self, text: str) -> Chunk:
        made = pieces(text)
        strong = [self._strong(piece) for piece in made]
        weak = [
            _apart([self._term(term) for term in (*piece.weak, *self._compound(piece))], terms)
            for piece, terms in zip(made, strong, strict=True)
        ]
        item = []
        for place, (piece, terms, less) in enumerate(zip(made, strong, weak, strict=True)):
            joined = self._term(piece.joined)
            kept = terms if place == 0 or not joined else [one for one in terms if one != joined or one == terms[0]]
            item.append(kept + _apart(less, kept))
        return Chunk(
            tuple((text[piece.start : piece.end], piece.start, piece.end, piece.kind) for piece in made),
            tuple(item),
            tuple(strong),
            # A query of two characters does not ask for every item with one of them.
            tuple([] if piece.kind == Kind.CJK else less for piece, less in zip(made, weak, strict=True)),
            tuple([self._term(part) for part in piece.parts or self._compound(piece)] for piece in made),
        )

    def _compound(self, piece: Piece) -> tuple[str, ...]:
        """The parts of a compound; none of another word."""
        return self._parts.get(self._term(piece.main), ())

    def _strong(self, piece: Piece) -> list[str]:
        names = (piece.main, *piece.same, piece.joined) if piece.joined else (piece.main, *piece.same)
        return _apart([self._term(name) for name in names], [])

    def _term(self, name: str) -> str:
        """The term of a name: the stem of a word; a number, a code and characters stay."""
        return name if any(char in "0123456789" for char in name) else self.stem(name)


def _apart(names: list[str], known: list[str]) -> list[str]:
    """The names, each once, that are not known yet."""
    made: list[str] = []
    for name in names:
        if name and name not in known and name not in made:
            made.append(name)
    return made


def runs(tokens: Sequence[Token]) -> list[tuple[int, str]]:
    """The runs of characters among the tokens of a text, each with its place: what is written without a blank in
    Chinese, Japanese and their like, and comes as pairs of characters.
    """
    found: list[tuple[int, str]] = []
    end = -1
    for token in tokens:
        if token.kind == Kind.CJK:
            if token.start < end:  # the pair after the one before
                found[-1] = (found[-1][0], found[-1][1] + token.text[end - token.start :])
            else:
                found.append((token.start, token.text))
            end = token.end
    return found
