"""A night as one would write it without Daybreak: `python -m tests.benchmarks.shared.plain_night FOLDER`.

In one process polars reads the shop's files, sentence-transformers embeds the texts, a small model in torch learns from
each user's days what the next ones bring, torch ranks, and DuckDB and Annoy get the lists. The benchmark `plain` puts
Daybreak beside it, with the sizes of `tests.slices`: as many dimensions, epochs, half-lives and places of lists. It
checks no row, measures nothing, and has no ranker, no search, and no gate.
"""

import sys
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import torch
from annoy import AnnoyIndex
from numpy.typing import NDArray

NIGHT = datetime(2018, 1, 2)
DIMENSIONS, EPOCHS, USERS, TARGETS, SAMPLES = 16, 2, 32, 16, 4000
"""Of vectors, the fit and one of its steps."""
HALF_LIFE, TEMPERATURE = 30.0, 0.1
K, SIMILAR, TREES = 20, 10, 50
TEXT = ("department", "product_category", "product_type", "brand", "package_size")


def main(folder: Path) -> None:
    torch.manual_seed(1)
    items, events = read(folder)
    text = torch.from_numpy(embed(items))
    own = torch.nn.functional.normalize(fit(events, len(items)), dim=1)
    vectors = torch.cat([own, text], dim=1)
    users, lists = recommend(events, vectors)
    write(folder, items, users, lists, vectors)


def read(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items with their rows, and events with rows of items and days before the night."""
    items = pl.read_parquet(folder / "items.parquet").unique("product_id").sort("product_id").with_row_index("item")
    events = pl.read_parquet(folder / "events.parquet").filter(pl.col("quantity") > 0)
    events = events.join(items.select("product_id", "item"), on="product_id")
    age = (pl.lit(NIGHT) - pl.col("transaction_timestamp")).dt.total_seconds() / 86_400
    return items, events.select("household_id", "item", age.alias("age")).filter(pl.col("age") > 0)


def embed(items: pl.DataFrame) -> NDArray[np.float32]:
    """Vectors of texts, in a few dimensions, of length 1."""
    from sentence_transformers import SentenceTransformer

    from tests.benchmarks.night.embed_bench import model

    texts = items.select(pl.concat_str([pl.col(name) for name in TEXT], separator=" ", ignore_nulls=True)).to_series()
    different = texts.unique(maintain_order=True)
    vectors = torch.from_numpy(SentenceTransformer(model(), device="cpu").encode(different.to_list()))
    vectors = vectors - vectors.mean(dim=0)
    _, _, main_axes = torch.pca_lowrank(vectors, DIMENSIONS, center=False)
    small = torch.nn.functional.normalize(vectors @ main_axes, dim=1).numpy()
    place = {text: row for row, text in enumerate(different)}
    found: NDArray[np.float32] = small[[place[text] for text in texts]]
    return found


def fit(events: pl.DataFrame, items: int) -> torch.Tensor:
    """Item vectors from which the faded sum of a user's past predicts each of his days."""
    bags = torch.nn.EmbeddingBag(items, DIMENSIONS, mode="sum")
    torch.nn.init.normal_(bags.weight, std=0.05)
    bias = torch.nn.Parameter(torch.zeros(items))
    optimizer = torch.optim.AdamW([*bags.parameters(), bias], lr=3e-3, weight_decay=0.05)
    histories = [
        (part["item"].to_numpy().astype(np.int64), part["age"].to_numpy())
        for part in events.sort("age", descending=True).partition_by("household_id")
    ]
    rng = np.random.default_rng(1)
    for _ in range(EPOCHS):
        order = rng.permutation(len(histories))
        for first in range(0, len(order), USERS):
            rows, weights, offsets, wanted, of = [], [], [], [], []
            for user in order[first : first + USERS]:
                own, ages = histories[user]
                days = np.unique(np.floor(ages))[:-1]
                for day in rng.permutation(days)[:TARGETS]:
                    before = np.floor(ages) > day
                    there = np.floor(ages) == day
                    offsets.append(sum(map(len, rows)))
                    rows.append(own[before])
                    weights.append(2.0 ** (-(ages[before] - day) / HALF_LIFE))
                    wanted.append(own[there])
                    of.append(np.full(there.sum(), len(offsets) - 1))
            if not offsets:
                continue
            joined = [torch.from_numpy(np.concatenate(parts)) for parts in (rows, weights, wanted, of)]
            drawn = torch.from_numpy(rng.integers(0, items, min(SAMPLES, items)))
            candidates, place = torch.cat([joined[2], drawn]).unique(return_inverse=True)
            users = bags(joined[0], torch.tensor(offsets), per_sample_weights=joined[1].float())
            users = torch.nn.functional.normalize(users, dim=1)
            scores = users @ torch.nn.functional.normalize(bags.weight[candidates], dim=1).T / TEMPERATURE
            loss = torch.nn.functional.cross_entropy((scores + bias[candidates])[joined[3]], place[: len(joined[2])])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return bags.weight.detach()


def recommend(events: pl.DataFrame, vectors: torch.Tensor) -> tuple[list[str], tuple[torch.Tensor, torch.Tensor]]:
    """Users, and the rows and scores of their lists."""
    grouped = events.with_columns(
        pl.col("household_id").cast(pl.String).rank("dense").alias("user") - 1,
        (2.0 ** (-pl.col("age") / HALF_LIFE)).alias("weight"),
    )
    users = events["household_id"].cast(pl.String).unique().sort().to_list()
    places = torch.from_numpy(grouped.select("user", "item").to_numpy().T.astype(np.int64))
    weights = torch.from_numpy(grouped["weight"].to_numpy().astype(np.float32))
    histories = torch.sparse_coo_tensor(places, weights, (len(users), len(vectors)), check_invariants=False)
    queries = torch.nn.functional.normalize(histories @ vectors, dim=1)
    scores = queries @ vectors.T
    best = scores.topk(K, dim=1)
    return users, (best.indices, best.values)


def write(
    folder: Path,
    items: pl.DataFrame,
    users: list[str],
    lists: tuple[torch.Tensor, torch.Tensor],
    vectors: torch.Tensor,
) -> None:
    """Write the lists, those of similar items, and an index."""
    ids = items["product_id"].cast(pl.String).to_numpy()
    own = vectors @ vectors.T
    own.fill_diagonal_(-torch.inf)
    alike = own.topk(SIMILAR, dim=1)
    with duckdb.connect(str(folder / "plain.duckdb")) as out:
        for name, keys, (rows, scores) in (
            ("user_topk", users, lists),
            ("item_topk_item", ids.tolist(), (alike.indices, alike.values)),
        ):
            table = pl.DataFrame(
                {
                    "key": np.repeat(np.array(keys, dtype=object), rows.shape[1]).tolist(),
                    "rank": np.tile(np.arange(1, rows.shape[1] + 1), len(keys)),
                    "item_id": ids[rows.numpy().ravel()],
                    "score": scores.numpy().ravel(),
                }
            ).to_arrow()
            out.register("told", table)
            out.execute(f"CREATE OR REPLACE TABLE {name} AS FROM told")
    index = AnnoyIndex(vectors.shape[1], "angular")
    for row, vector in enumerate(vectors.tolist()):
        index.add_item(row, vector)
    index.build(TREES)
    index.save(str(folder / "plain.ann"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
