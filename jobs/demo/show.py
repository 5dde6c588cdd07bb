"""What came out of the demo's night, for people: read from its receipts, its events and the published release."""

import time
from datetime import date
from statistics import quantiles
from textwrap import shorten
from typing import Any

import duckdb

import lookup
from jobs.cli.output import escaped
from jobs.cli.search.search import head
from jobs.config.config import Config
from jobs.config.loader import load
from jobs.demo.airflow import CONFIG, DATE

# Households from rarely to often seen, by their number of purchases: the 10th, 30th … percentile.
HOUSEHOLDS = """
SELECT user_id FROM (SELECT user_id, percent_rank() OVER (ORDER BY events, user_id) AS place FROM users)
WHERE place >= ? ORDER BY place LIMIT 1
"""

# The newest receipt of a household, one row an item, the dearest lines first.
LAST_BOUGHT = """
WITH mine AS (SELECT * FROM read_parquet($events) WHERE user_id = $user)
SELECT title, strftime(time, '%d %b') FROM mine JOIN read_parquet($items) USING (item)
WHERE time = (SELECT max(time) FROM mine) ORDER BY value * mine.price DESC NULLS LAST, item LIMIT $n
"""

# The item bought most often in each of two departments.
FAVOURITES = """
SELECT arg_max(item_id, events) FROM items WHERE category[1] IN ('GROCERY', 'PRODUCE')
GROUP BY category[1] ORDER BY category[1]
"""

EXAMPLE = """\
SELECT category[1] AS department,
       count(*) AS recommended,
       count(DISTINCT item_id) AS items,
       round(100 * count(*) / sum(count(*)) OVER (), 1) AS percent
FROM user_topk JOIN items USING (item_id)
WHERE rank <= 10
GROUP BY department ORDER BY recommended DESC LIMIT 6"""

SEARCHES = ("frozen pizza", "shreded cheeze", "ground coffee under 5")
"""The second is misspelt, the third names a price."""


def everything() -> None:
    """Print it all."""
    config = load(CONFIG, date.fromisoformat(DATE))
    shop = lookup.open(config.releases)
    folder = config.releases / shop.release.id
    with duckdb.connect(str(folder / "catalog.duckdb"), read_only=True) as catalog:
        stages(config)
        households(config, catalog, shop)
        similar(catalog, shop)
        metrics(catalog)
        print(_heading("SQL on the release", f'daybreak sql "…" --config {CONFIG}'))
        print(EXAMPLE)
        catalog.sql(EXAMPLE).show()
        speed(catalog, shop)
    print(_heading("The release", str(folder)))
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.parent == folder):
        print(f"  {file.name:<16}{file.stat().st_size / 2**20:>8.1f} MiB")
    arrays = [p.stat().st_size for p in (folder / "arrays").iterdir()]
    print(f"  {'arrays/':<16}{sum(arrays) / 2**20:>8.1f} MiB in {len(arrays)} files")
    searches(shop)


def stages(config: Config) -> None:
    """The jobs of the night: seconds, peak memory, and what each counted."""
    print(_heading("The night", "seconds, peak memory of the largest process, and what was counted"))
    receipts = config.run.receipts()
    for receipt in receipts:
        counts = {k: v for k, v in receipt.items() if type(v) is int and k != "peak_mib"}
        told = ", ".join(f"{k.replace('_', ' ')} {v:,}" for k, v in counts.items())
        print(f"  {receipt['job']:<12}{receipt['seconds']:>7.1f} s {receipt['peak_mib']:>6} MiB  {told}".rstrip())
    print(f"  {'all jobs':<12}{sum(r['seconds'] for r in receipts):>7.1f} s")


def households(config: Config, catalog: duckdb.DuckDBPyConnection, shop: lookup.Shop, n: int = 6) -> None:
    """Five households: what is recommended beside what they bought last."""
    print(_heading("Five households", "from rare customers to frequent ones"))
    for place in (0.1, 0.3, 0.5, 0.7, 0.9):
        (user,) = _row(catalog, HOUSEHOLDS, [place])
        bought = catalog.execute(
            LAST_BOUGHT,
            {
                "user": user,
                "events": str(config.run.path("events") / "*.parquet"),
                "items": str(config.run.path("items") / "*.parquet"),
                "n": n,
            },
        ).fetchall()
        print(f"\n  {f'household {user} bought last':<46}recommended")
        left = [f"{day}  {title}" for title, day in bought]
        for had, hit in zip(left + [""] * (n - len(left)), shop.recommend(user, k=n), strict=True):
            print(f"    {shorten(escaped(had), 42, placeholder='…'):<44}{_name(shop, hit.item_id)}")


def similar(catalog: duckdb.DuckDBPyConnection, shop: lookup.Shop, n: int = 6) -> None:
    """The lists of similar items of two items that nearly everybody buys."""
    print(_heading("Similar items"))
    for (item,) in catalog.execute(FAVOURITES).fetchall():
        print(f"\n  like {_name(shop, item)}")
        for hit in shop.similar(item, k=n):
            print(f"    {hit.score:>6.3f}  {_name(shop, hit.item_id)}")


def metrics(catalog: duckdb.DuckDBPyConnection) -> None:
    """How good the lists, and the ranker, are on held-out days, beside the baselines."""
    found = catalog.execute("SELECT method, metric, value, users FROM metrics").fetchall()
    lists, ranker = ([row for row in found if ("@" in row[1]) == about_lists] for about_lists in (True, False))
    names = sorted({row[1] for row in lists})
    users = max(row[3] for row in lists)
    print(_heading("How good", f"on the last days, which training did not see; means over {users:,} households"))
    print(f"  {'':<36}" + "".join(f"{name:>14}" for name in names))
    for method in dict.fromkeys(row[0] for row in lists):
        values = {metric: value for of, metric, value, _ in lists if of == method}
        print(f"  {method:<36}" + "".join(f"{values[name]:>14.4f}" if name in values else " " * 14 for name in names))
    if ranker:
        numbers = {(method, metric): value for method, metric, value, _ in ranker}
        methods = list(dict.fromkeys(row[0] for row in ranker))
        print(_heading("The ranker", "of what was shown on the last days, what was clicked and bought"))
        print(" " * 46 + "".join(f"{method:>22}" for method in methods))
        for metric in dict.fromkeys(row[1] for row in ranker):
            print(f"  {metric:<44}" + "".join(f"{numbers[method, metric]:>22.5f}" for method in methods))


def speed(catalog: duckdb.DuckDBPyConnection, shop: lookup.Shop, calls: int = 20_000) -> None:
    """The measured time of a recommendation."""
    users = [user for (user,) in catalog.execute("SELECT user_id FROM users ORDER BY hash(user_id)").fetchall()]
    taken = []
    for n in range(calls):
        user = users[n % len(users)]
        started = time.perf_counter_ns()
        shop.recommend(user, k=20)
        taken.append(time.perf_counter_ns() - started)
    percentiles = quantiles(taken, n=100)
    print(_heading("The lookup", f"{calls:,} calls of shop.recommend(user, k=20) in this process"))
    print(f"  p50 {percentiles[49] / 1000:.1f} µs, p99 {percentiles[98] / 1000:.1f} µs")


def searches(shop: lookup.Shop, n: int = 5) -> None:
    """What three searches find, with prices and where each hit comes from."""
    print(_heading("Three searches", f'daybreak search "…" --config {CONFIG}'))
    for query in SEARCHES:
        found = shop.search(query, k=n)
        print(f"\n  {query}\n  {escaped(head(found))}")
        for hit in found:
            price = (shop.item(hit.item_id) or {}).get("price")
            shown = "" if price is None else f"{price:.2f}"
            print(f"    {hit.score:>6.3f}  {hit.source:<9}  {shown:>6}  {_name(shop, hit.item_id)}")


def _heading(title: str, detail: str = "") -> str:
    return f"\n── {title} {'─' * (30 - len(title))} {detail}".rstrip()


def _row(catalog: duckdb.DuckDBPyConnection, query: str, parameters: list[object] | None = None) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = catalog.execute(query, parameters).fetchone()
    assert row is not None, query
    return row


def _name(shop: lookup.Shop, item: str) -> str:
    """The title, the category, for a title may be as terse as "Premium 56 oz", and the id, for many share a title."""
    record = shop.item(item) or {}
    category = (record.get("category") or [""])[:2][-1].lower()
    return escaped(f"{record.get('title') or ''} · {category} ({item})")
