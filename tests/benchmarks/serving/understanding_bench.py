"""What it costs to understand a query and to complete a prefix, beside taking the query's words apart.

On a made shop with a vocabulary of 50,000 words, 100,000 suggested texts and 30,000 known queries, in one thread. The
goals: a query of three words with a wrong one at most 1 ms, one whose words are all known at most 50 µs, a completion
with one wrong letter allowed at most 100 µs; each p50.
"""

import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.understanding.build import QuerySources, build_understanding
from lookup.text.analyzer import Analyzer
from lookup.understanding.interpreter import Interpreter
from lookup.understanding.spelling.speller import Speller
from lookup.understanding.suggester import Suggester
from tests.benchmarks.shared.made_words import misspelt, texts, vocabulary
from tests.benchmarks.shared.timing import SEED, Way, latencies, options, seconds, take_turns

BASELINE = "tokens of a query, all known"


class Shop(NamedTuple):
    """How large the made shop is."""

    words: int
    items: int
    queries: int
    calls: int
    """In a round, of one way."""
    rounds: int


FULL = Shop(words=50_000, items=70_000, queries=30_000, calls=1_000, rounds=3)
SMALL = Shop(words=500, items=300, queries=100, calls=20, rounds=1)


def main(argv: Sequence[str] | None = None) -> int:
    given = options(__doc__).parse_args(argv)
    size = SMALL if given.toy else FULL
    rng = random.Random(SEED)
    words = vocabulary(rng, size.words)
    titles, queries = texts(rng, words, size.items, (4, 9)), texts(rng, words, size.queries, (1, 4))
    analyzer = Analyzer()
    built: dict[str, NDArray[Any]] = {}
    sources = made(rng, titles, queries)
    took = seconds(lambda: built.update(build_understanding(sources, analyzer)))
    bytes_of = {kind: sum(a.nbytes for n, a in built.items() if n.startswith(kind)) for kind in ("spell", "suggest")}
    print(
        f"built in {took:.1f} s; {len(built['spell_word_log']):,} words: {bytes_of['spell'] / 2**20:.1f} MiB, "
        f"{len(built['suggest_kind']):,} suggested texts: {bytes_of['suggest'] / 2**20:.1f} MiB"
    )
    with tempfile.TemporaryDirectory() as folder:
        arrays = mapped(built, Path(folder))
        known = [text for text in titles if all(len(word) > 3 for word in text.split()[:3])]
        ways = ways_to_answer(arrays, analyzer, size.calls, known)
        latencies("one call, memory-mapped arrays", take_turns(ways, size.rounds), BASELINE)
    return 0


def made(rng: random.Random, titles: list[str], queries: list[str]) -> QuerySources:
    """What the night would have of this shop: 200 categories, 300 brands, no clicks."""
    n = len(titles)
    drawn = np.random.default_rng(SEED)
    return QuerySources(
        titles=titles,
        category=drawn.integers(0, 200, n).astype(np.int32),
        brand=drawn.integers(0, 300, n).astype(np.int32),
        popularity=drawn.pareto(1.2, n).astype(np.float32),
        categories=[f"{rng.choice(queries)} department" for _ in range(200)],
        brands=[f"{rng.choice(queries).split()[0]} {row}" for row in range(300)],
        queries={query: rng.paretovariate(1.0) for query in queries},
    )


def mapped(arrays: dict[str, NDArray[Any]], folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays as a release has them."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {
        name: np.load(folder / f"{name}.npy", mmap_mode="r" if array.size else None) for name, array in arrays.items()
    }


def ways_to_answer(arrays: dict[str, NDArray[Any]], analyzer: Analyzer, calls: int, titles: list[str]) -> list[Way]:
    """Each asks about the beginnings of other titles."""
    speller, suggester, interpreter = Speller(arrays, analyzer), Suggester(arrays), Interpreter(arrays, analyzer)

    def asked(change: Callable[[random.Random, list[str]], str]) -> Callable[[random.Random], list[str]]:
        return lambda rng: [change(rng, rng.choice(titles).split()[:3]) for _ in range(calls)]

    def one_wrong(rng: random.Random, words: list[str]) -> str:
        at = rng.randrange(3)
        return " ".join([misspelt(rng, word) if place == at else word for place, word in enumerate(words)])

    def prefix(rng: random.Random, words: list[str]) -> str:
        text = " ".join(words)
        return text[: rng.randint(1, min(12, len(text)))]

    def short(rng: random.Random, words: list[str]) -> str:
        return words[0][: rng.randint(1, 3)]

    def wrong_prefix(rng: random.Random, words: list[str]) -> str:
        text = " ".join(words)
        return misspelt(rng, text[: rng.randint(5, min(12, len(text)))])

    right = asked(lambda _, words: " ".join(words))
    return [
        Way(BASELINE, analyzer.tokens, right),
        Way("correct, all words known", speller.correct, right),
        Way("correct, one of three words wrong", speller.correct, asked(one_wrong)),
        Way("interpret, all words known", interpreter.interpret, right),
        Way("interpret, a price", interpreter.interpret, asked(lambda _, words: " ".join(words) + " under 50")),
        Way("interpret, one of three words wrong", interpreter.interpret, asked(one_wrong)),
        Way("suggest, 1 to 3 letters", suggester.suggest, asked(short)),
        Way("suggest, 1 to 12 letters", suggester.suggest, asked(prefix)),
        Way("suggest, 5 to 12 letters, one wrong", suggester.suggest, asked(wrong_prefix)),
        Way("suggest, 1 to 12 letters, a third wrong", suggester.suggest, mixed(asked(prefix), asked(wrong_prefix))),
    ]


def mixed(
    right: Callable[[random.Random], list[str]], wrong: Callable[[random.Random], list[str]]
) -> Callable[[random.Random], list[str]]:
    """Of three calls one is wrong."""

    def draw(rng: random.Random) -> list[str]:
        pairs = zip(right(rng), wrong(rng), strict=True)
        return [other if place % 3 == 0 else one for place, (one, other) in enumerate(pairs)]

    return draw
