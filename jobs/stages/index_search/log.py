"""What the search index learns from the query log and from the files of the shop's own."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from jobs.config.config import Config
from jobs.infra.runs import Run
from jobs.models.query_log import lessons
from jobs.models.query_log.languages import Languages, declared, detect
from jobs.models.query_log.log import QueryLog, read_run
from jobs.models.query_log.positions import propensities
from jobs.models.understanding.build import QuerySources
from jobs.models.understanding.rewrites import read_synonyms
from jobs.search.search_file import DAYS, QUERIES
from jobs.stages.index_search.shop import ShopItems
from lookup.understanding.rewrites import CATEGORY, URL, Redirect

NOTHING_FOUND = 1.0
"""The share of searches without results of a query that never had any."""


@dataclass(frozen=True)
class ShopLog:
    """The query log of a run."""

    read: QueryLog
    queries: pl.DataFrame
    """`jobs.models.query_log.lessons.queries`."""
    days: pl.DataFrame
    """`jobs.models.query_log.lessons.days`."""

    def write(self, folder: Path) -> None:
        """Write what the catalog shows of it."""
        self.queries.write_parquet(folder / QUERIES)
        self.days.write_parquet(folder / DAYS)


def query_log(run: Run) -> ShopLog:
    """Read the searches of a run."""
    read = read_run(run)
    return ShopLog(read, lessons.queries(read), lessons.days(read))


def languages_of(config: Config, items: ShopItems) -> Languages:
    """The languages of the catalogue: as declared, or told from the texts."""
    named = config.search.languages
    return detect([f"{texts[0]} {texts[4]}" for texts in items.texts]) if named is None else declared(named)


def shop_sources(config: Config, items: ShopItems, log: ShopLog) -> QuerySources:
    """What queries are understood by. Raises ConfigError for a wrong file of synonyms or redirects."""
    found = log.queries.filter(pl.col("zero").is_null() | (pl.col("zero") < NOTHING_FOUND))
    clicks = lessons.clicks(log.read, propensities(log.read).values)
    return QuerySources(
        titles=[texts[0] for texts in items.texts],
        category=items.category,
        brand=items.brand,
        popularity=items.popularity,
        categories=items.categories,
        brands=items.brands,
        values=items.values,
        queries=dict(zip(found["query"], found["searches"].cast(pl.Float64), strict=True)),
        personal=frozenset(lessons.of_few(log.read)),
        clicks=list(clicks.select("query", "item", "weight").iter_rows()),
        typos=list(lessons.reformulations(log.read).select("typed", "meant").iter_rows()),
        synonyms=read_synonyms(config.synonyms, str(config.search.synonyms)),
        redirects={row.query: Redirect(_kind(row.target), row.target) for row in config.redirects},
    )


def _kind(target: str) -> str:
    return URL if "://" in target or target.startswith("/") else CATEGORY
