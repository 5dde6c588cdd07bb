"""How many misspelt queries become exactly what was meant, and how many well-spelt ones are changed.

--typos: a CSV file with the columns `typed` and `meant`; without one, queries of a made shop with one slip each.
--titles: Parquet files with the column `title`, which stand for the catalogue. The dictionary is made of

- the titles and all meant queries, each searched once: what a shop's log holds;
- the same, but of the pair's own query only the words, as a catalogue knows them: queries that nobody asked before;
- the same, but without these words either: nothing but titles and other queries.

The last two by cross-validation over queries. "Exactly" is told three ways: the raw texts are equal; they are once
normalised (case, blanks); their tokens are. The goal, for the first: 85 % exact, 1 % of the meant ones changed.
"""

import argparse
import csv
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jobs.models.understanding.spelling import build_speller
from lookup.text.analyzer import Analyzer
from lookup.text.normalise import normalise
from lookup.understanding.spelling.speller import Speller
from tests.benchmarks.shared.made_words import misspelt, texts, vocabulary
from tests.benchmarks.shared.timing import SEED, options, table

FOLDS = 4
Pair = tuple[str, str]


class Told(NamedTuple):
    """What one dictionary makes of some pairs, and of well-spelt queries."""

    pairs: int
    raw: int
    normalised: int
    tokens: int
    meant: int
    changed: int
    other_words: int
    """Changed so that another word is searched for: not only its number, a blank or a hyphen."""

    def plus(self, other: "Told") -> "Told":
        return Told(*(a + b for a, b in zip(self, other, strict=True)))


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--typos", type=Path)
    parser.add_argument("--titles", type=Path, nargs="*", default=[])
    given = parser.parse_args(argv)
    pairs, titles = read(given) if given.typos else made(300 if given.toy else 3_000)
    analyzer = Analyzer()
    meant = sorted({query for _, query in pairs})
    random.Random(SEED).shuffle(meant)
    build = partial(build_speller, titles, analyzer=analyzer)
    rows = []
    told = tell(Speller(build(dict.fromkeys(meant, 1.0)), analyzer), pairs, meant, analyzer)
    rows.append(line("known queries", told))
    for name, words in (("new queries of known words", True), ("new queries, new words", False)):
        sums = Told(*[0] * len(Told._fields))
        for fold in range(FOLDS):
            held = meant[fold::FOLDS]
            out = set(held)
            queries = {query: 1.0 for query in meant if query not in out}
            speller = Speller(build(queries, values=held if words else []), analyzer)
            sums = sums.plus(tell(speller, [pair for pair in pairs if pair[1] in out], held, analyzer))
        rows.append(line(name, sums))
    print(f"{len(pairs):,} misspelt queries, {len(meant):,} well-spelt ones, {len(titles):,} titles")
    table(["dictionary", "raw", "normalised", "tokens", "changed", "to another word"], rows)
    return 0


def read(given: argparse.Namespace) -> tuple[list[Pair], list[str]]:
    """The pairs and titles of the files."""
    import polars

    with given.typos.open(encoding="utf-8", newline="") as file:
        pairs = [(row["typed"], row["meant"]) for row in csv.DictReader(file)]
    titles = [title for path in given.titles for title in polars.read_parquet(path, columns=["title"])["title"]]
    return pairs, titles


def made(n: int) -> tuple[list[Pair], list[str]]:
    """Pairs and titles of a made shop."""
    rng = random.Random(SEED)
    words = vocabulary(rng, n)
    pairs = []
    for query in texts(rng, words, n, (1, 4)):
        at = rng.randrange(len(query.split()))
        typed = " ".join([misspelt(rng, word) if at == place else word for place, word in enumerate(query.split())])
        pairs.append((typed, query))
    return pairs, texts(rng, words, 5 * n, (4, 9))


def tell(speller: Speller, pairs: Sequence[Pair], meant: Sequence[str], analyzer: Analyzer) -> Told:
    """Correct all of them."""

    def tokens(text: str) -> list[str]:
        return [token.text for token in analyzer.tokens(text)]

    def word(text: str) -> str:
        return text.removesuffix("s").removesuffix("e")

    def searched(text: str) -> str:
        return "".join(word(text) for text in tokens(text))

    raw = normalised = same = changed = other = 0
    for typed, wanted in pairs:
        found = speller.correct(typed)
        text = found.text if found else typed
        raw += text == wanted
        normalised += normalise(text) == normalise(wanted)
        same += tokens(text) == tokens(wanted)
    for query in meant:
        found = speller.correct(query)
        if found is not None and tokens(found.text) != tokens(query):
            changed += 1
            other += searched(found.text) != searched(query)
    return Told(len(pairs), raw, normalised, same, len(meant), changed, other)


def line(name: str, told: Told) -> list[str]:
    """A row of the table."""
    exact = [f"{100 * n / told.pairs:.1f} %" for n in (told.raw, told.normalised, told.tokens)]
    return [name, *exact, *(f"{100 * n / told.meant:.2f} %" for n in (told.changed, told.other_words))]
