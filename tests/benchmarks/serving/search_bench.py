"""Searching a made shop of 100,000 items with 10,000 patches, on one core: the head, the tail, suggestions, memory.

The calls of the tail are hybrid and ranked, their conditions hold, and their facets are read. A query is words of one
title, so words are asked for as often as titles have them; "frequent words" are the most frequent of all, one a query;
and one word is in the category of every item.
Goals: a head query p50 at most 40 µs; one of the tail p50 at most 3 ms and p99 at most 10 ms. Beside the time that
passed stands that of the processor, because another process may have the core.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lookup
from lookup.search import FILE
from tests.benchmarks.serving.open_bench import Reader
from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.search_shop import LARGE, TOY_SHOP, MadeShop, patch, searchable
from tests.benchmarks.shared.sides import one_core
from tests.benchmarks.shared.timing import SEED, options, quantile, table

READER = """
import json, sys, time
started = time.perf_counter()
import lookup
imported = time.perf_counter()
shop = lookup.open(sys.argv[1])
opened = time.perf_counter()
queries = json.loads(sys.stdin.readline())
shop.search(queries[0])
first = time.perf_counter()
for query in queries:
    shop.search(query, 20).facets
    shop.suggest(query[:5])
print(json.dumps({"import": imported - started, "open": opened - imported, "first search": first - opened}), flush=True)
sys.stdin.read()
"""


class Load(NamedTuple):
    """The shop, and how much is asked of it."""

    shop: MadeShop
    calls: int
    """Of each way in a round."""
    rounds: int
    readers: int
    """Processes whose memory is compared with that of one."""


FULL, SMALL = Load(LARGE, calls=300, rounds=3, readers=8), Load(TOY_SHOP, calls=5, rounds=1, readers=2)
Call = Callable[[str], object]


class Way(NamedTuple):
    """One kind of call, and the queries that it is asked, one a call."""

    name: str
    call: Call
    queries: Sequence[str]


def main(argv: Sequence[str] | None = None) -> int:
    toy: bool = options(__doc__).parse_args(argv).toy
    one_core()
    load = SMALL if toy else FULL
    with tempfile.TemporaryDirectory() as scratch:
        releases = searchable(load.shop, Path(scratch) / "shop" if toy else None).resolve()
        with_log = lookup.open(releases, patches=Path(scratch) / "patches.sqlite")
        patch(with_log, load.shop)
        titles = [str((with_log.item(f"item-{row}") or {})["title"]).lower() for row in range(load.shop.items)]
        ways = ways_of(with_log, titles, load)
        tell(ways, load)
        with_log.close()
        processes(releases, ways[0].queries, load.readers)
    return 0


def ways_of(shop: lookup.Shop, titles: Sequence[str], load: Load) -> list[Way]:
    """What is timed."""
    rng = random.Random(SEED)
    brands = sorted({str((shop.item(f"item-{row}") or {})["brand"]) for row in range(0, load.shop.items, 97)})
    within = lookup.price(10, 80) & ~lookup.brand(*brands[:3])
    times = Counter(word for title in titles for word in title.split())
    common = [word for word, _ in times.most_common(20)]
    frequent = [common[n % len(common)] for n in range(load.calls)]
    heads = [(shop.item(f"item-{rng.randrange(load.shop.items)}") or {})["category"][-1] for _ in range(load.calls)]

    def some(least: int, most: int) -> list[str]:
        drawn = []
        for _ in range(load.calls):
            words = rng.choice(titles).split()
            first, size = rng.randrange(len(words)), rng.randint(least, most)
            drawn.append(" ".join(words[first : first + size]))
        return drawn

    def plain(query: str) -> object:
        return shop.search(query, 20)

    def whole(query: str) -> object:
        return shop.search(query, 20, where=within).facets

    return [
        Way("tail: 1 to 3 words, price and brands, facets", whole, some(1, 3)),
        Way("tail, a known user", lambda query: shop.search(query, 20, where=within, user="user-1").facets, some(1, 3)),
        Way("tail: facets are not read", plain, some(1, 3)),
        Way("frequent words, price and brands, facets", whole, frequent),
        Way("frequent words, facets", lambda query: shop.search(query, 20).facets, frequent),
        Way("frequent words, by price", lambda query: shop.search(query, 20, sort="price_up"), frequent),
        Way("a word of every item, facets", lambda query: shop.search(query, 20).facets, ["department"] * load.calls),
        Way("head: names of categories", plain, heads),
        Way("head, price and brands", lambda query: shop.search(query, 20, where=within), heads),
        Way("head, a known user", lambda query: shop.search(query, 20, user="user-1"), heads),
        Way("suggest, 1 to 8 letters", shop.suggest, [text[: rng.randint(1, 8)] for text in some(1, 2)]),
    ]


def tell(ways: Sequence[Way], load: Load) -> None:
    """Time all in turns and print the quantiles."""
    passed: dict[str, list[float]] = {way.name: [] for way in ways}
    worked: dict[str, list[float]] = {way.name: [] for way in ways}
    for turn in range(load.rounds + 1):  # the first does not count: it reads the file
        for way in ways:
            for query in way.queries:
                wall, cpu = time.perf_counter(), time.thread_time()
                way.call(query)
                if turn:
                    worked[way.name].append(1e6 * (time.thread_time() - cpu))
                    passed[way.name].append(1e6 * (time.perf_counter() - wall))
    table(
        [f"{load.shop.items:,} items, {load.shop.patched:,} patches", "p50 µs", "p99 µs", "p50 CPU µs", "p99 CPU µs"],
        [
            [name, *(f"{quantile(times, q):.0f}" for times in (passed[name], worked[name]) for q in (0.5, 0.99))]
            for name in passed
        ],
    )


class SearchReader(Reader):
    """A process that opens the releases, searches, and waits."""

    def __init__(self, folder: Path, queries: Sequence[str]):
        arguments = [sys.executable, "-c", READER, str(folder)]
        pipe: Any = subprocess.PIPE
        self.process = subprocess.Popen(arguments, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(list(queries)) + "\n")
        self.process.stdin.flush()


def processes(releases: Path, queries: Sequence[str], readers: int) -> None:
    """Print how long opening takes, the size of the index, and the memory of one and of several processes."""
    sizes = []
    for count in (1, readers):
        running = [SearchReader(releases, queries) for _ in range(count)]
        steps = [reader.ready() for reader in running]
        mib = [reader.mib(releases) for reader in running]
        for reader in running:
            reader.end()
        sizes.append((sum(mapped for _, mapped in mib), sum(total for total, _ in mib)))
        if count == 1:
            print("\none process, ms: " + ", ".join(f"{step} {1000 * took:.1f}" for step, took in steps[0].items()))
    size = sum(path.stat().st_size for path in releases.glob(f"*/{FILE}")) / 2**20
    print(f"the index is a file of {size:.1f} MiB\n")
    table(
        [f"memory, MiB, after {len(queries):,} searches each", "1 process", f"{readers} processes", "ratio"],
        [
            [name, f"{sizes[0][n]:.1f}", f"{sizes[1][n]:.1f}", f"{sizes[1][n] / sizes[0][n]:.2f} x"]
            for n, name in enumerate(("files of the release", "all, with Python and numpy"))
        ],
    )
