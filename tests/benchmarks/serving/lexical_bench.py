"""The lexical part of a search: the ten best titles of a query, beside tantivy and bm25s, on one core.

The titles are made: words of Zipf's frequencies, 3 to 14 of them a title. Or they are those of a file, one a line,
repeated until there are enough. A query is 1 to 4 words of one title, so words are asked for as often as titles have
them. Every system answers a text with the ids of its hits: it takes the text apart, searches, and reads the ids. Each
has answered other queries before, and then answers every query once, in turns with the others.

A package that is not installed is left out, and a line says so: `pip install tantivy bm25s`.
"""

import argparse
import importlib
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lookup.retrieval.lexical.build import build
from lookup.retrieval.lexical.counts import count
from lookup.retrieval.lexical.index import WordIndex
from lookup.text.analyzer import Analyzer
from tests.benchmarks.shared.timing import SEED, latencies, options, table

TITLES, TOY_TITLES = 100_000, 600
QUERIES, TOY_QUERIES = 1_000, 20
WORDS = 40_000
PART = 10_000
K = 10
Answer = Callable[[str], list[str]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--titles", type=Path, help="a file of titles, one a line, instead of made ones")
    given = parser.parse_args(argv)
    one_core()
    wanted, queries = (TOY_TITLES, TOY_QUERIES) if given.toy else (TITLES, QUERIES)
    titles = read(given, wanted)
    asked = drawn(titles, 2 * queries)
    ids = [f"item-{number}" for number in range(len(titles))]
    answers: dict[str, Answer] = {}
    took = []
    for name, make in (("daybreak", daybreak), ("tantivy", tantivy), ("bm25s", bm25s)):
        started = time.perf_counter()
        try:
            answers[name] = make(titles, ids)
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error}; pip install {name}")
            continue
        took.append([name, f"{time.perf_counter() - started:.1f}"])
    print(f"{len(titles):,} titles")
    table(["index build", "s"], took)
    for size in (1, 2, 3, 4, None):
        some = [query for query in asked[queries:] if size is None or len(query.split()) == size]
        latencies(f"{len(some)} queries of {size or '1 to 4'} words", timed(answers, asked[:queries], some), "daybreak")
    return 0


def one_core() -> None:
    """Keep this process, and the threads of its packages, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def timed(answers: dict[str, Answer], before: Sequence[str], asked: Sequence[str]) -> dict[str, list[int]]:
    """Nanoseconds of every query, by system, in turns of a hundred queries."""
    taken: dict[str, list[int]] = {name: [] for name in answers}
    for name, answer in answers.items():
        for query in before if name != "bm25s" else before[:50]:
            answer(query)
    for first in range(0, len(asked), 100):
        for name, answer in answers.items():
            for query in asked[first : first + 100]:
                started = time.perf_counter_ns()
                answer(query)
                taken[name].append(time.perf_counter_ns() - started)
    return taken


def daybreak(titles: Sequence[str], ids: Sequence[str]) -> Answer:
    analyzer = Analyzer()
    parts = [
        count(((title, "", "", "", "") for title in titles[first : first + PART]), analyzer, first)
        for first in range(0, len(titles), PART)
    ]
    index = WordIndex(build(parts))

    def answer(query: str) -> list[str]:
        slots = index.slots([[(term, 1.0) for term in position] for position in analyzer.query(query)])
        return [ids[row] for row in index.postings.top(slots, K)[0].tolist()]

    return answer


def tantivy(titles: Sequence[str], ids: Sequence[str]) -> Answer:
    package: Any = importlib.import_module("tantivy")
    builder = package.SchemaBuilder()
    builder.add_text_field("title", stored=False, tokenizer_name="en_stem")
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    index = package.WordIndex(builder.build())
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

    return answer


def bm25s(titles: Sequence[str], ids: Sequence[str]) -> Answer:
    package: Any = importlib.import_module("bm25s")
    retriever = package.BM25()
    retriever.index(package.tokenize(list(titles), stopwords=None, show_progress=False), show_progress=False)
    every = np.array(ids)

    def answer(query: str) -> list[str]:
        words = package.tokenize(query, stopwords=None, show_progress=False, return_ids=False)
        found, _ = retriever.retrieve(words, k=K, show_progress=False, n_threads=0)
        hits: list[str] = every[found[0]].tolist()
        return hits

    return answer


def read(given: argparse.Namespace, wanted: int) -> list[str]:
    """The titles of the file, repeated up to so many, or made ones."""
    if given.titles is not None:
        known = given.titles.read_text(encoding="utf-8").splitlines()
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
