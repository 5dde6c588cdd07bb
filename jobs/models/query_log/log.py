"""From rows of table `searches` to searches: each once, by a person, and finished.

What is left out, and why, by what reports on other search logs say of them:

- texts that no person typed, and people's addresses (`typed`);
- words on the way to others: a log that has every keystroke has "b", "bl" and "blu" before "blue" (Algolia counts the
  last of 30 seconds alone);
- the same search again: a next page, a filter, the button "back". In one log 61 % of the searches were such;
- programs: hundreds of searches a day without a click. Where such a user clicks, the number stands for many people, as
  with a backend that logs its own address. Its searches count, but nothing is said of who followed what.

Searches of tests and of employees are left out by `where` in `[[searches]]`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from jobs.infra.blocks import Blocks
from jobs.infra.runs import Run
from jobs.infra.tables import SEARCHES
from jobs.models.query_log.typed import decoded, query_of

AGAIN_SECONDS = 30 * 60
"""The same words of one user within this time are one search, as a visit of web analytics is."""
LETTERS_SECONDS = 30
"""A search whose last word goes on in the next one within this time was not finished …"""
WORDS_SECONDS = 3
"""… nor was one to which a word came, or from which letters went, this quickly."""
MOST_A_DAY = 300
"""A user with more searches on a day is no single person."""
LEAST_CLICKED = 0.01
"""Of the searches of many people; a program that clicks less is one."""
UNFINISHED, PROGRAM, REPEATED = "unfinished", "program", "repeated"
"""Why a search does not count, beside those of `typed`."""


class QueryLog(NamedTuple):
    """The searches that count, and what happened in them."""

    searches: pl.DataFrame
    """A row a search, in order of time: `search` (i64, row), `query` (normalised), `text` (as typed, decoded),
    `user_id` (null where unknown), `time`, `results` (i64, null where unknown), `clicked`, `bought`."""
    items: pl.DataFrame
    """A row for each item of a search that is known of: `search`, `item` (i32), `position` (i32, null where unknown),
    `clicked`, `bought`."""
    left_out: Mapping[str, int]
    """How many searches do not count, by the reason."""


def read_run(run: Run) -> QueryLog:
    """The searches of a run. Raises MissingStepError where `ingest` has not run."""
    return read_log(pl.read_parquet(Blocks.of(run, SEARCHES.name).files, hive_partitioning=False))


def read_log(rows: pl.DataFrame) -> QueryLog:
    """The searches of some rows of table `searches` (`jobs.infra.tables.SEARCHES`)."""
    texts = rows["query"].unique().to_list()
    found = [query_of(text) for text in texts]
    known = pl.DataFrame(
        {
            "query": texts,
            "text": [decoded(text) for text in texts],
            "words": [query for query, _ in found],
            "why": [why for _, why in found],
        },
        schema={"query": pl.String, "text": pl.String, "words": pl.String, "why": pl.String},
    )
    rows = rows.join(known, "query", "left").drop("query").rename({"words": "query"})
    searches = _grouped(rows, ["search_id", "query"]).with_row_index("number")
    left_out = _counts(searches.filter(pl.col("why").is_not_null())["why"])
    good, programs = _of_people(searches.filter(pl.col("why").is_null()).drop("why"))
    once, of = _once(good)
    ended = _finished(once)
    left_out |= {PROGRAM: programs, REPEATED: len(good) - len(once), UNFINISHED: len(once) - len(ended)}
    kept = ended.sort("time", "first").with_row_index("search").with_columns(pl.col("search").cast(pl.Int64))
    numbers = (
        searches.select("search_id", "query", "number").join(of, "number").join(kept.select("search", "first"), "first")
    )
    items = (
        rows.filter(pl.col("item").is_not_null())
        .join(numbers.select("search_id", "query", "search"), ["search_id", "query"])
        .group_by("search", "item")
        .agg(pl.col("position").min().cast(pl.Int32), pl.col("clicked").any(), pl.col("bought").any())
        .with_columns(pl.col("item").cast(pl.Int32))
        .sort("search", "position", "item", nulls_last=True)
    )
    names = ["search", "query", "text", "user_id", "time", "results", "clicked", "bought"]
    return QueryLog(kept.select(names), items, {why: n for why, n in sorted(left_out.items()) if n})


def _grouped(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Rows as one for each of some keys: the first text and time, the most results, any click."""
    firsts = [pl.col(name).sort_by("time").first() for name in ("text", "why") if name in rows.columns]
    return (
        rows.group_by(keys)
        .agg(
            *firsts,
            pl.col("user_id").drop_nulls().min(),
            pl.col("time").min(),
            pl.col("results").max().cast(pl.Int64),
            pl.col("clicked").any(),
            pl.col("bought").any(),
        )
        .sort("time", *keys)
    )


def _counts(values: pl.Series) -> dict[str, int]:
    return dict(values.value_counts().iter_rows())


def _of_people(searches: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The searches without those of programs, and how many these are; the user of many people becomes null."""
    day = ["user_id", pl.col("time").dt.date()]
    many = pl.col("user_id").is_not_null() & (pl.len().over(day) > MOST_A_DAY)
    share = pl.col("clicked").mean().over(day)
    marked = searches.with_columns(many.alias("many"), share.alias("share"))
    anything = bool(searches["clicked"].any())  # where a log has no clicks at all, they tell nothing
    program = pl.col("many") & (pl.col("share") < LEAST_CLICKED) & anything
    people = marked.filter(~program).with_columns(
        pl.when("many").then(None).otherwise("user_id").alias("user_id")  # so nothing follows anything
    )
    return people.drop("many", "share"), len(searches) - len(people)


def _once(searches: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The searches, where a user's same one within a while is one; and to which of them, `first`, each belongs."""
    by = ["user_id", "query"]
    ordered = searches.sort(*by, "time", "number")
    gap = pl.col("time").diff().over(by).dt.total_seconds()
    starts = pl.col("user_id").is_null() | gap.is_null() | (gap > AGAIN_SECONDS)
    first = pl.when(starts).then("number").otherwise(None).forward_fill().alias("first")
    ordered = ordered.with_columns(first)
    return _grouped(ordered, ["first", "query"]), ordered.select("number", "first")


def _finished(searches: pl.DataFrame) -> pl.DataFrame:
    """The searches without those that were typed on the way to the user's next one."""
    ordered = searches.with_columns(pl.col("query").str.len_chars().alias("length")).sort("user_id", "time", "length")
    following = pl.col("query").shift(-1).over("user_id")
    gap = (pl.col("time").shift(-1).over("user_id") - pl.col("time")).dt.total_seconds()
    rest = following.str.strip_prefix(pl.col("query"))
    goes_on = following.str.starts_with(pl.col("query"))
    in_word = goes_on & ~rest.str.starts_with(" ")
    erased = pl.col("query").str.starts_with(following)
    on_the_way = (in_word & (gap <= LETTERS_SECONDS)) | ((goes_on | erased) & (gap <= WORDS_SECONDS))
    unfinished = pl.col("user_id").is_not_null() & ~pl.col("clicked") & on_the_way
    return ordered.filter(~unfinished.fill_null(value=False)).drop("length")
