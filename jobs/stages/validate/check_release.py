"""Check a release against the tables of its run, against itself, and its size against the incumbent."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.config.release import TopKConfig
from jobs.infra.blocks import Blocks, flat
from jobs.infra.runs import Run
from jobs.infra.tables import RUN_TABLE_OF
from jobs.ranking.index_choice import RECALL_AT, exact_top
from jobs.stages.validate import checks
from jobs.stages.validate.finding import Finding
from lookup.duckdb_file import opened
from lookup.release import schema
from lookup.release.catalog_schema import CATALOG_FILE, tables_of
from lookup.release.manifest import Manifest
from lookup.release.reader import Release
from lookup.release.shards.users import Users
from lookup.retrieval.variants import count_things
from lookup.scoring.score_parameters import HistoryShares

Terms = Callable[[int], tuple[NDArray[np.int32], NDArray[np.float32]]]
SAMPLE = 200
"""Users whose scores are computed again, and with whose vectors the recall is measured."""
FINITE = (
    *("item_input", "item_vector", "item_next_weight", "item_repeat", "item_popularity", "item_sketch", "query_sketch"),
    *(
        "user_vector",
        "user_history_weight",
        "label_vector",
        "label_map",
        "label_text",
        "label_look",
        "look_basis",
        "ranker",
    ),
)
"""Arrays in which every number must be finite."""
NEVER_NULL = ("item_id", "user_id", "similar_to", "rank", "score", "events", "in_stock", "value")
"""Columns of the catalog that need a value in every table that has them."""


def check_release(release: Release, config: Config, incumbent: Manifest | None) -> list[Finding]:
    """The findings of all checks. incumbent: None where there is nothing to compare the size with."""
    limits = config.validate
    shards = [users for users in release.shards if users is not None]
    families = {
        "user_topk": [users.topk for users in shards],
        "user_unseen": [users.unseen for users in shards],
        "user_again": [users.again for users in shards],
        "item_topk": [release.item_topk],
        "popular": [release.popular],
    }
    expected = expected_counts(config.run)
    entries = {name: checks.entries(lists) for name, lists in families.items()}
    tables, nulls = catalog_facts(release)
    findings = checks.check_counts(release.manifest.counts, {n: expected[n] for n in ("items", "users", "events")})
    findings += checks.check_counts(entries, {name: expected[name] for name in families})
    findings += checks.check_counts(
        {f"catalog {name}": n for name, n in tables.items()},
        {f"catalog {name}": expected[name] for name in ("items", "users", "because", *families)},
    )
    findings += checks.check_nulls(nulls)
    of_users = {users.first: users.keys for users in shards if len(users)}
    for name, table, keys in (("item", "items", {0: release.items}), ("user", "user_vectors", of_users)):
        findings += checks.check_ids(name, keys, Blocks.of(config.run, table).read(name, f"{name}_id"))
    for name, lists in families.items():
        findings += checks.check_lists(name, lists, len(release.items))
    for name in FINITE:
        findings += checks.check_finite(name, arrays_of(release, name))
    items, brands = len(release.items), len(release.brands)
    findings += checks.check_known("item_next_item", [release.next_item], items)
    findings += checks.check_known("user_history_item", arrays_of(release, "user_history_item"), items, least=0)
    findings += checks.check_known("item_category", [release.item_category], len(release.categories), "categories")
    findings += checks.check_known("item_brand", [release.item_brand], brands, "brands")
    findings += checks.check_known("item_group", [release.item_group], len(release.groups), "groups")
    if len(release.groups):
        for name in ("user_topk", "user_unseen", "item_topk", "popular"):
            findings += checks.check_groups(name, families[name], release.item_group)
    rows = sample(release.manifest.dims["U"])
    terms = terms_of(release, config.run, rows)
    sampled = [release.user_at(int(row)) for row in rows]
    for name, left_out in lists_of_users(config.topk).items():
        lengths = full_lengths(config, count_things(release.item_group), left_out)
        by_first = {users.first: lists for users, lists in zip(shards, families[name], strict=True) if len(users)}
        findings += checks.check_coverage(name, by_first, lengths, limits.min_user_coverage)
        kind = name.removeprefix("user_")
        found = (
            checks.SampledList(
                getattr(users, kind).items[row], getattr(users, kind).scores[row], users.vector[row], terms(int(every))
            )
            for (users, row), every in zip(sampled, rows, strict=True)
        )
        findings += checks.check_scores(name, found, release.item_vector)
    findings += checks.check_left_out(
        "user_unseen",
        (users.unseen.items[row] for users, row in sampled),
        (users.history(row).rows for users, row in sampled),
    )
    findings += checks.check_recall(recall(release, sampled), limits.min_recall)
    if incumbent is not None:
        findings += checks.check_sizes(release.manifest, incumbent, limits.max_shrink)
    return findings


def arrays_of(release: Release, name: str) -> list[NDArray[Any]]:
    """An array of a release: that of each shard, where it is of users."""
    if not schema.array(name).of_users:
        return [release.arrays[name]]
    return [users.arrays[name] for users in release.shards if users is not None]


def expected_counts(run: Run) -> dict[str, int]:
    """The numbers of rows in the run's tables, and of items in its lists, by their names in the catalog."""
    counts = {
        name: len(Blocks.of(run, table))
        for name, table in (("items", "items"), ("users", "user_vectors"), ("events", "events"))
    }
    for name in ("user_topk", "user_unseen", "because", "user_again", "item_topk", "popular"):
        blocks = Blocks.of(run, RUN_TABLE_OF.get(name, name))
        counts[name] = sum(len(flat(batch.column("items"))[1]) for batch in blocks.read("items"))
    return counts


def catalog_facts(release: Release) -> tuple[dict[str, int], dict[str, int]]:
    """The rows of each table of the catalog; and the nulls in columns that need a value, by table and column."""
    rows: dict[str, int] = {}
    nulls: dict[str, int] = {}
    with opened(release.path / CATALOG_FILE) as db:
        for table in tables_of(release.manifest.schema_version):
            columns = [column.name for column in table.columns if column.name in NEVER_NULL]
            counted = ", ".join(["count(*)", *(f"count(*) - count({name})" for name in columns)])
            found = db.sql(f"SELECT {counted} FROM {table.name}").fetchall()[0]
            rows[table.name] = found[0]
            nulls |= {f"{table.name}.{name}": n for name, n in zip(columns, found[1:], strict=True)}
    return rows, nulls


def lists_of_users(options: TopKConfig) -> dict[str, str | None]:
    """The tables of lists that the night makes of every user, and the column of USER_VECTORS that each leaves out."""
    return {"user_topk": None, "user_unseen": "bought"} if options.bought == "include" else {"user_topk": "bought"}


def full_lengths(
    config: Config, things: int, left_out: str | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Blocks of (user rows, lengths of a full list): all its places, or all things that it may hold if fewer.

    things: items of the shop, of which a group of variants counts once. left_out: the column of the items that it does
    not hold; None: it may hold all.
    """
    users = Blocks.of(config.run, "user_vectors")
    for batch in users.read("user", *([left_out] if left_out else [])):
        rows = batch.column("user").to_numpy().astype(np.int64)
        free = things - flat(batch.column(left_out))[0] if left_out else np.full(len(rows), things)
        yield rows, np.minimum(config.topk.places, free)


def terms_of(release: Release, run: Run, users: NDArray[np.int64]) -> Terms:
    """What the histories of some users add to the scores of items, as a function of the user row."""
    found: dict[int, tuple[NDArray[np.int32], NDArray[np.float32]]] = {}
    for batch in Blocks.of(run, "user_vectors").read("user", "history", "shares", "repeats"):
        chosen = batch.filter(pa.array(np.isin(batch.column("user").to_numpy(), users)))
        for row in chosen.to_pylist():
            rows = np.asarray(row["history"], dtype=np.int32)
            of_shard, place = release.user_at(row["user"])
            scores = release.item_vector[rows] @ of_shard.vector[place]
            history = HistoryShares(rows, *(np.asarray(row[name], dtype=np.float32) for name in ("shares", "repeats")))
            found[row["user"]] = release.score_parameters.item_terms(history, release.transition_rows(rows), scores)
    return found.__getitem__


def sample(size: int) -> NDArray[np.int64]:
    """Some rows of 0 … size-1, evenly spread. They differ from those with which `build` chose the index."""
    step = max(size // SAMPLE, 1)
    return np.arange(step // 2, size, step, dtype=np.int64)[:SAMPLE]


def recall(release: Release, users: Sequence[tuple[Users, int]]) -> float:
    """Recall@20 of the index as a reader uses it, over some users, or over items where the release has no user.

    users: the shard of each, and the row there.
    """
    some = np.array([of_shard.vector[row] for of_shard, row in users])
    queries = some if len(some) else release.item_vector[sample(len(release.items))]
    exact = exact_top(release.item_vector, queries, RECALL_AT)
    k = exact.shape[1]
    found = [len(set(release.candidates(q, k).tolist()) & set(e)) for q, e in zip(queries, exact.tolist(), strict=True)]
    return float(np.mean(np.array(found) / k))
