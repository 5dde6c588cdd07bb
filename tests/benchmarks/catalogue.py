"""The one list of the benchmarks: what each measures, how long it takes and what it needs."""

import importlib
from collections.abc import Sequence
from typing import NamedTuple


class Benchmark(NamedTuple):
    """A module `tests.benchmarks.<room>.<name>_bench` with `main(argv) -> int`."""

    room: str
    name: str
    measures: str
    takes: str
    """On two cores."""
    needs: str = ""
    """Beyond what `make setup` brings."""
    long: bool = False
    """Whether `quick` passes over it."""
    peers: bool = False
    """Whether `make bench` runs it: its module has `contests(toy)`, and what it needs is in the extra `bench`."""

    @property
    def module(self) -> str:
        """The name of its module."""
        return f"tests.benchmarks.{self.room}.{self.name}_bench"

    def run(self, argv: Sequence[str]) -> int:
        """Run it in this process; 0 when all that must hold does."""
        code: int = importlib.import_module(self.module).main(argv)
        return code


A_RELEASE = "a release of 200,000 users, made on first use and kept in the temporary folder"
A_MILLION = "a release of a million users, made on first use and kept in the temporary folder"
DEMO_DATA = "the night of 19 December 2017 on the demo's data, made on first use and kept in the temporary folder"
DEMO = "the night of `make demo`, which runs first where it has not yet"

SECONDS, MINUTES, LONG = "seconds", "minutes", "tens of minutes or more"

BENCHMARKS = (
    Benchmark("night", "topk", "exact top-K beside faiss, implicit and Spark MLlib; filtered", MINUTES, peers=True),
    Benchmark("serving", "neighbours", "nearest items by Annoy beside hnswlib and voyager", MINUTES, peers=True),
    Benchmark("night", "embed", "embedding texts beside sentence-transformers, torch and ONNX", MINUTES, peers=True),
    Benchmark(
        "serving", "lookup", "one stored list beside Redis, DuckDB, SQLite and LMDB", MINUTES, A_RELEASE, peers=True
    ),
    Benchmark("serving", "lexical", "the lexical part of a search beside tantivy and bm25s", MINUTES, peers=True),
    Benchmark("night", "plain", "a night beside a plain script of polars and torch", MINUTES, peers=True),
    Benchmark("serving", "open", "opening a release, and the memory of eight readers", MINUTES, A_MILLION),
    Benchmark("serving", "day", "a call with patches, filters and sessions, beside Redis", MINUTES, DEMO),
    Benchmark(
        "serving", "variants", "lists of a shop with variants beside one without, and the guess of groups", MINUTES
    ),
    Benchmark("serving", "ranker", "the ranker's features and forward pass, beside rescoring", SECONDS),
    Benchmark("serving", "understanding", "a query understood, and a prefix completed", MINUTES),
    Benchmark(
        "serving",
        "search",
        "searches of a patched shop of 100,000 items, and suggestions",
        MINUTES,
        "a release of that shop, made on first use and kept in the temporary folder",
    ),
    Benchmark("serving", "swap", "calls and memory while releases change", LONG, A_MILLION, long=True),
    Benchmark("night", "transitions", "item transitions by compiled code, beside numpy", SECONDS),
    Benchmark("night", "kept", "embedding what is new beside embedding all", MINUTES),
    Benchmark("night", "changed", "nights with little or nothing new beside a full one", MINUTES),
    Benchmark("night", "executors", "a night on two executor processes beside one process", MINUTES),
    Benchmark("night", "constants", "what a core does in a second, for the simulation of `daybreak cost`", MINUTES),
    Benchmark("night", "gpu", "products, top-K, texts and both fits on a GPU, beside what it can do", MINUTES, "a GPU"),
    Benchmark("search", "query_encoder", "the query encoder step by step, beside its transformer", MINUTES),
    Benchmark("crashes", "patch_kill", "no acknowledged patch is lost when writers or servers are killed", MINUTES),
    Benchmark("crashes", "log_chaos", "calls, `problem` and losses while a patch log is broken and mended", MINUTES),
    Benchmark("crashes", "publish_race", "publishers, a builder, a pruner and readers at once; kills", MINUTES),
    Benchmark("crashes", "travel", "bytes that a host moves for 5 % of other lists; kills of what fetches", MINUTES),
    Benchmark("crashes", "flip", "bits flipped in every file of a release, by every method of search", LONG, long=True),
    Benchmark("crashes", "job_kill", "what is served stays whole when jobs are killed", LONG, long=True),
    Benchmark("quality", "spelling", "misspelt queries that become what was meant, and others changed", MINUTES),
    Benchmark("quality", "look", "nearest products by picture, by title and by both, of the same kind", MINUTES),
    Benchmark("quality", "prices", "whether the price of the day says what people take again", SECONDS, DEMO),
    Benchmark("quality", "ablation", "what each part of the model is worth", LONG, DEMO, long=True),
    Benchmark("quality", "warm_start", "continuing a model beside training it anew", LONG, DEMO, long=True),
    Benchmark("quality", "freshness", "what patches are worth in the days after a night", LONG, DEMO_DATA, long=True),
)


def listed() -> str:
    """The list for people."""
    others = [one for one in BENCHMARKS if not one.peers]
    heads = (
        ("beside peers: `make bench` runs these", [one for one in BENCHMARKS if one.peers]),
        (
            "others that are quick: `quick` runs these, too",
            [one for one in others if not one.long],
        ),
        ("others that are long: `all` runs these, too", [one for one in others if one.long]),
    )
    lines = []
    for head, group in heads:
        lines.append(f"{head}\n")
        for one in group:
            lines.append(f"  {one.name:<14}{one.measures}")
            lines.append(f"  {'':<14}takes {one.takes}" + (f"; needs {one.needs}" if one.needs else ""))
        lines.append("")
    return "\n".join(lines).rstrip()
