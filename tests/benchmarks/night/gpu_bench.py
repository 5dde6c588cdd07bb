"""What the night gets out of a device: products, exact top-K, texts a second, and the fits of both models.

On the GPU where torch finds one, otherwise on the CPU. Each part is set beside what the device itself can do, its rate
of copies and of products, which are measured first. The text model has the shape of all-MiniLM-L6-v2 and random
weights: its speed is that of the real one, and its quality says nothing; `--model FOLDER` takes another.

A part that cannot run says why, and the others go on.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from tests.benchmarks.shared.on_device import Row, made_model, made_titles, metered, rate, seconds_of, texts
from tests.benchmarks.shared.timing import options, table

SIZES = {
    "gpu": SimpleNamespace(
        copy=1 << 30, product=8192, queries=131_072, items=1_000_000, blocks=(4096, 65_536), texts=200_000, layers=6,
        tokens=65_536, users=20_000, shop=20_000, pairs=20_000, batch=256, seconds=60,
    ),
    "cpu": SimpleNamespace(
        copy=1 << 27, product=1024, queries=1024, items=50_000, blocks=(512, 4096), texts=400, layers=6, tokens=2048,
        users=400, shop=1000, pairs=200, batch=32, seconds=60,
    ),
    "toy": SimpleNamespace(
        copy=1 << 20, product=128, queries=32, items=500, blocks=(16, 64), texts=24, layers=1, tokens=256, users=16,
        shop=50, pairs=40, batch=8, seconds=5,
    ),
}  # fmt: skip
"""How large each part is, so that all take some four minutes on a GPU, and two on two cores."""
K, HAD, LEFT = 100, 20, 0.5
"""Items of a list, items that a user had, and the share of items that a mask leaves."""
CHECKED, NEAR = 16, 1e-4
"""Lists that are made again in float64, and by how much a score may differ from theirs."""
EVENTS = 40
"""Of a user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every part; the table comes last."""
    parser = options(__doc__)
    parser.add_argument("--model", type=Path, help="the folder of a text model, in place of the made one")
    parser.add_argument("--part", action="append", help="only parts of this name; again for more")
    given = parser.parse_args(argv)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes = SIZES["toy" if given.toy else "gpu" if device == "cuda" else "cpu"]
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}; torch {torch.__version__}", flush=True)
    rates: dict[str, float] = {}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts: list[tuple[str, Callable[[], list[Row]]]] = [
            ("copy", lambda: copy(device, sizes)),
            ("products", lambda: products(device, sizes, rates)),
            ("top-K, d = 64", lambda: exact(device, sizes, rates, 64)),
            ("top-K, d = 128", lambda: exact(device, sizes, rates, 128)),
            ("texts", lambda: texts(device, sizes, rates, given.model or made_model(folder / "model", sizes))),
            ("metering", lambda: metered(device, sizes, given.model or made_model(folder / "model", sizes))),
            ("text model", lambda: fit_text(device, sizes, given.model or made_model(folder / "model", sizes))),
            ("behaviour model", lambda: fit_behaviour(device, sizes, folder)),
        ]
        for part, run in parts:
            if given.part and part not in (*given.part, "products"):  # all else is set beside the products
                continue
            started = time.perf_counter()
            try:
                found = run()
            except Exception as error:  # a machine that lacks something: the other parts still say what they can
                found = [[part, f"not run: {type(error).__name__}: {error}"[:90], ""]]
            print(f"{part}: {time.perf_counter() - started:.1f} s", flush=True)
            rows += found
    table(["what", "measured", "share of what the device can do"], rows)
    return 0


def copy(device: str, sizes: SimpleNamespace) -> list[Row]:
    """Bytes read and written by a copy within the memory of the device, and bytes that reach it."""
    here = torch.zeros(sizes.copy, dtype=torch.uint8)
    there, other = here.to(device), torch.empty(sizes.copy, dtype=torch.uint8, device=device)
    inside = 2 * sizes.copy / seconds_of(lambda: other.copy_(there), device, 5)
    found = [["copy within its memory", rate(inside, "B/s"), ""]]
    if device == "cuda":
        fixed = here.pin_memory()
        for name, source in (("pageable", here), ("page-locked", fixed)):
            took = seconds_of(lambda source=source: other.copy_(source), device)  # type: ignore[misc]
            found.append([f"copy to it, {name}", rate(sizes.copy / took, "B/s"), ""])
    return found


def products(device: str, sizes: SimpleNamespace, rates: dict[str, float]) -> list[Row]:
    """Operations a second of a square product, float32 and bfloat16. rates: gets both."""
    found = []
    for kind in (torch.float32, torch.bfloat16):
        left, right = (torch.randn(sizes.product, sizes.product, dtype=kind, device=device) for _ in range(2))
        name = str(kind).removeprefix("torch.")
        took = seconds_of(lambda a=left, b=right: torch.mm(a, b), device, 5)  # type: ignore[misc]
        rates[name] = 2 * sizes.product**3 / took
        found.append([f"product, {name}", rate(rates[name], "FLOP/s"), "100 %"])
    return found


def exact(device: str, sizes: SimpleNamespace, rates: dict[str, float], d: int) -> list[Row]:
    """The night's exact top-K, with its selection, from arrays to arrays: plain, and with masks of both kinds."""
    from jobs.ranking.exact import ItemLists, resident, top_k

    rng = np.random.default_rng(0)
    queries, items = (rng.standard_normal((n, d), dtype=np.float32) for n in (sizes.queries, sizes.items))
    had = ItemLists(
        np.arange(sizes.queries + 1) * HAD, rng.integers(0, sizes.items, sizes.queries * HAD).astype(np.int32)
    )
    where = rng.random(sizes.items) < LEFT
    users, width = sizes.blocks
    held = resident(items, device)
    ways: list[tuple[str, object, dict[str, object]]] = [
        ("", items, {}),
        (", resident", held, {}),
        (f", resident, {HAD} had", held, {"exclude": had}),
        (f", resident, {LEFT:.0%} allowed", held, {"where": where}),
    ]
    found = []
    for name, rows, masks in ways:

        def call(asked: object = queries, rows: object = rows, masks: dict[str, object] = masks) -> tuple:
            return top_k(asked, rows, K, user_block=users, item_block=width, device=device, **masks)

        took = seconds_of(call, device, rounds=2)
        scores = sizes.queries * sizes.items / took
        of = "; ".join(f"{2 * d * scores / rates[kind]:.1%} of {kind}" for kind in ("float32", "bfloat16"))
        what = f"top-{K} of {sizes.queries:,} x {sizes.items:,}, d = {d}{name}"
        found.append([what, f"{rate(scores, 'scores/s')}, {sizes.queries / took:,.0f} lists/s", of])
        found[-1][2] += f"; {wrong(queries, items, call(), masks)} of {CHECKED} lists wrong"
    return found


def wrong(queries: np.ndarray, items: np.ndarray, lists: tuple, masks: dict) -> int:
    """How many of some lists are not those that float64 makes, up to scores that float32 cannot tell apart."""
    asked = np.linspace(0, len(queries) - 1, CHECKED).astype(int)
    scores = queries[asked].astype(np.float64) @ items.T.astype(np.float64)
    if "exclude" in masks:
        for row, query in enumerate(asked):
            scores[row, masks["exclude"].items[query * HAD : (query + 1) * HAD]] = -np.inf
    if "where" in masks:
        scores[:, ~masks["where"]] = -np.inf
    right = -np.sort(-scores, axis=1)[:, :K]
    chosen = np.take_along_axis(scores, lists[0][asked].astype(np.int64), 1)
    unique = np.array([len(set(row)) == K for row in lists[0][asked].tolist()])
    return int((~unique | (np.abs(chosen - right) > NEAR).any(axis=1)).sum())


def fit_text(device: str, sizes: SimpleNamespace, model: Path) -> list[Row]:
    """The fine-tuning of `train_text`, with its measuring and its hard negatives, on titles made worse."""
    from jobs.models.content.text_encoder import TextEncoder
    from jobs.models.text_encoder_training.fit import FineTuneSettings, fine_tune
    from jobs.models.text_encoder_training.sources import title_pairs

    titles = list(dict.fromkeys(made_titles(sizes.shop)))
    pairs = title_pairs([title.split(" ") for title in titles], sizes.pairs, seed=0)
    encoder = TextEncoder(str(model), device=device, precision="float32", batch_tokens=sizes.tokens)
    started = time.perf_counter()
    found = fine_tune(encoder, titles, pairs, FineTuneSettings(batch=sizes.batch, seconds=sizes.seconds))
    took = time.perf_counter() - started
    what = f"text model, {found.taught:,} of {len(pairs):,} pairs, {len(titles):,} items"
    return [[what, f"{took:.1f} s, {found.taught / took:,.0f} pairs/s", f"MRR {found.before:.3f} -> {found.after:.3f}"]]


def fit_behaviour(device: str, sizes: SimpleNamespace, folder: Path) -> list[Row]:
    """An epoch of `train` with its default settings, with the item transitions that follow it."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import scipy.sparse as sp

    from jobs.config.learning import TrainConfig
    from jobs.models.behaviour.fit import fit_files
    from jobs.models.behaviour.model_store import Inputs

    rng = np.random.default_rng(2)
    items = np.minimum(rng.zipf(1.2, (sizes.users, EVENTS)), sizes.shop) - 1
    days = np.sort(rng.integers(20_000, 20_365, items.shape), axis=1)
    columns = {
        "items": pa.array(items.astype(np.int32).tolist(), pa.list_(pa.int32())),
        "days": pa.array(days.astype(np.int32).tolist(), pa.list_(pa.int32())),
        "weights": pa.array(np.ones(items.shape, np.float32).tolist(), pa.list_(pa.float32())),
    }
    file = folder / "sequences.parquet"
    pq.write_table(pa.table(columns), file)
    rows = np.arange(sizes.shop, dtype=np.int64)
    attributes = sp.csr_array(
        (np.ones(sizes.shop, np.float32), (rows, rows % 100)), shape=(sizes.shop, min(100, sizes.shop))
    )
    Inputs(rows, np.bincount(items.ravel(), minlength=sizes.shop) + 1, attributes).write(folder)
    started = time.perf_counter()
    fit_files([file], folder, TrainConfig(epochs=1), device)
    took = time.perf_counter() - started
    what = f"behaviour model, {sizes.users:,} users, {sizes.shop:,} items"
    return [[what, f"{took:.1f} s, {sizes.users / took:,.0f} users/s an epoch", ""]]


if __name__ == "__main__":
    sys.exit(main())
