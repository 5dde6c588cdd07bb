"""The lexical part of a search: the ten best titles of a query, beside tantivy and bm25s, on one core.

The titles are made: words of Zipf's frequencies, 3 to 14 of them a title. Or they are those of a file, one a line,
repeated until there are enough. A query is 1 to 4 words of one title, so words are asked for as often as titles have
them. Every system answers a text with the ids of its hits: it takes the text apart, searches, and reads the ids. Each
has answered other queries before.
"""

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.benchmarks.shared import contest
from tests.benchmarks.shared.contest import OURS, Contest, Side
from tests.benchmarks.shared.sides import Rounds
from tests.benchmarks.shared.timing import SEED, options, quantile, timed


class Load(NamedTuple):
    """How much is searched, and how often."""

    titles: int
    queries: int
    """Of a round."""
    rounds: int


FULL, SMALL = Load(100_000, 500, 5), Load(600, 20, 2)
WORDS = 40_000
PART = 10_000
K = 10
Answer = Callable[[str], list[str]]


def contests(toy: bool, titles: Path | None = None) -> Iterator[Contest]:
    load = SMALL if toy else FULL
    given = (titles, load)
    name = f"{load.titles:,} {'made titles' if titles is None else 'titles'}, queries of 1 to 4 words"
    peers = (Side("tantivy", tantivy, given), Side("bm25s", bm25s, given))
    yield Contest(name, "µs", Side(OURS, daybreak, given), peers, load.rounds, one_core=True)


def rounds(answer: Answer, titles: Sequence[str], load: Load) -> Rounds:
    """The quantiles of a round. Every query is of its own; the first ones only fill what a system keeps."""
    asked = drawn(titles, load.queries * (load.rounds + 1))
    parts = [asked[first : first + load.queries] for first in range(0, len(asked), load.queries)]
    timed(answer, parts[0])
    yield {}
    for turn in itertools.count():
        taken = timed(answer, parts[1 + turn % load.rounds])
        yield {"p50": quantile(taken, 0.5) / 1000, "p99": quantile(taken, 0.99) / 1000}


def daybreak(file: Path | None, load: Load) -> Rounds:
    from lookup.retrieval.lexical.build import build
    from lookup.retrieval.lexical.counts import count
    from lookup.retrieval.lexical.index import WordIndex
    from lookup.text.analyzer import Analyzer

    titles, ids = read(file, load.titles), names(load.titles)
    analyzer = Analyzer()
    parts = [
        count(((title, "", "", "", "") for title in titles[first : first + PART]), analyzer, first)
        for first in range(0, len(titles), PART)
    ]
    index, analyzer = WordIndex(build(parts)), Analyzer()  # a new one: a process by day has analysed no titles

    def answer(query: str) -> list[str]:
        slots = index.slots([[(term, 1.0) for term in position] for position in analyzer.query(query)])
        return [ids[row] for row in index.postings.top(slots, K)[0].tolist()]

    yield from rounds(answer, titles, load)


def tantivy(file: Path | None, load: Load) -> Rounds:
    import tantivy as package

    titles, ids = read(file, load.titles), names(load.titles)
    builder = package.SchemaBuilder()
    builder.add_text_field("title", stored=False, tokenizer_name="en_stem")
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    index = package.Index(builder.build())
    writer = index.writer(num_threads=1)
    for one, title in zip(ids, titles, strict=True):
        writer.add_document(package.Document(title=title, id=one))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def answer(query: str) -> list[str]:
        hits = searcher.search(index.parse_query(query, ["title"]), K, count=False).hits
        return [searcher.doc(address)["id"][0] for _, address in hits]

    yield from rounds(answer, titles, load)


def bm25s(file: Path | None, load: Load) -> Rounds:
    import bm25s as package

    titles, ids = read(file, load.titles), names(load.titles)
    retriever = package.BM25()
    retriever.index(package.tokenize(list(titles), stopwords=None, show_progress=False), show_progress=False)
    every = np.array(ids)

    def answer(query: str) -> list[str]:
        words = package.tokenize(query, stopwords=None, show_progress=False, return_ids=False)
        found, _ = retriever.retrieve(words, k=K, show_progress=False, n_threads=0)
        hits: list[str] = every[found[0]].tolist()
        return hits

    yield from rounds(answer, titles, load)


def names(size: int) -> list[str]:
    return [f"item-{number}" for number in range(size)]


def read(file: Path | None, wanted: int) -> list[str]:
    """The titles of the file, repeated up to so many, or made ones."""
    if file is not None:
        known = file.read_text(encoding="utf-8").splitlines()
        return [known[number % len(known)] for number in range(wanted)]
    rng = np.random.default_rng(SEED)
    words = min(WORDS, wanted * 2)
    names = np.array([name_of(number) for number in range(words)])
    share = 1 / (np.arange(words) + 2.7)  # Mandelbrot's addition to Zipf's law
    sizes = rng.integers(3, 15, wanted)
    drawn_words = names[rng.choice(words, int(sizes.sum()), p=share / share.sum())]
    return [" ".join(part) for part in np.split(drawn_words, np.cumsum(sizes)[:-1])]


def name_of(number: int) -> str:
    """A word that can be said: a consonant and a vowel for each of its digits in base 70."""
    made = ""
    while not made or number:
        number, digit = divmod(number, 70)
        made += "bdfgklmnprstvz"[digit % 14] + "aeiou"[digit // 14]
    return made


def drawn(titles: Sequence[str], queries: int) -> list[str]:
    """Queries of 1 to 4 words of one title."""
    rng = random.Random(SEED)
    made: list[str] = []
    while len(made) < queries:
        words, size = re.findall(r"[a-z0-9]+", rng.choice(titles).lower()), rng.randint(1, 4)
        if len(words) >= size:
            made.append(" ".join(rng.sample(words, size)))
    return made


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--titles", type=Path, help="a file of titles, one a line, instead of made ones")
    given = parser.parse_args(argv)
    return contest.show(contests(given.toy, given.titles), given.toy)
