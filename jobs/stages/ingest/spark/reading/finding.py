"""The files of a table of the shop: on the driver's machine, or on storage that Spark reaches by a URL."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import ConfigError
from jobs.infra.files import find_files, format_of, spark_path
from jobs.infra.runs import Run
from jobs.infra.storage.hadoop import FileThere, Hadoop, is_url
from jobs.infra.storage.storage import Storage
from jobs.infra.text_files.preparing import Prepared
from lookup.log_address import redacted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ShopFile = Path | str
"""A file of this machine, or the URL of one on storage."""
COPIES = ".shop_files"
"""The folder of the run for copies of files that Spark cannot read as they are."""
LENT = "shop_files"
"""Of a run on storage: the driver's files for executors that do not see them."""


def shop_files(spark: "SparkSession", patterns: str | list[str], base: Path) -> list[ShopFile]:
    """The files that a configuration means, each once: as `find_files`, and likewise those of URLs.

    Raises ConfigError where a pattern finds nothing, or the storage is not to be had.
    """
    found: dict[ShopFile, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        more = [one.url for one in stored_files(Hadoop.of(spark), pattern)] if is_url(pattern) else None
        found |= dict.fromkeys(find_files(pattern, base) if more is None else more)
    return list(found)


def stored_files(hadoop: Hadoop, pattern: str) -> list[FileThere]:
    """The files on storage that a pattern names; a folder means all files of a known format below it."""
    scheme, _, rest = pattern.partition("://")
    if ":" in rest.partition("@")[0].partition("/")[0] and "@" in rest.partition("/")[0]:
        raise ConfigError(f"{redacted(pattern)}: holds a password: keys and passwords stand in the environment")
    named, found = rest.split("/"), []
    for one in hadoop.files(pattern):
        for file in hadoop.below(one.url) if one.folder else [one]:
            parts = file.url.partition("://")[2].split("/")
            hidden = any(part.startswith((".", "_")) for part in parts if part not in named)
            if not hidden and (not one.folder or format_of(Path(file.url))):
                found.append(file)
    if not found:
        raise ConfigError(f"{pattern}: no such file, or no .csv, .tsv, .jsonl or .parquet in it, on {scheme}://")
    return found


def fetched(spark: "SparkSession", urls: list[str], run: Run) -> dict[Path, str]:
    """Bring files of text to the driver, which looks at all of a text before Spark reads it. Returns path → URL."""
    hadoop, here = Hadoop.of(spark), dict[Path, FileThere]()
    for number, url in enumerate(urls):
        stored = next(iter(hadoop.below(url)), None)
        if stored is None:
            raise ConfigError(f"{url}: there is no such file any more")
        here[run.path(COPIES) / "fetched" / f"{number:05}" / stored.name] = stored
    hadoop.fetch(here)
    for path, stored in here.items():
        os.utime(path, (stored.modified, stored.modified))  # an item's row holds since then
    return {path: stored.url for path, stored in here.items()}


def by_url(ready: list[Prepared], urls: Mapping[Path, str]) -> list[Prepared]:
    """What was made ready of fetched files, under their URLs. Spark reads those that need no copy where they are."""
    return [
        replace(one, path=urls[one.path], read=urls[one.path] if one.read == one.path else one.read)
        if isinstance(one.path, Path) and one.path in urls
        else one
        for one in ready
    ]


def places(spark: "SparkSession", ready: list[Prepared], run: Run) -> dict[ShopFile, str]:
    """What Spark is told to read of each file; executors that do not see the driver's get them from storage."""
    storage = Storage.of(spark)
    here = [one.read for one in ready if isinstance(one.read, Path)]
    lent = storage.lend(here, f"runs/{run.root.name}/{LENT}") if storage else {path: spark_path(path) for path in here}
    return {one.read: lent[one.read] if isinstance(one.read, Path) else one.read for one in ready}


def forget_lent(spark: "SparkSession", run: Run) -> None:
    """Remove what `places` brought to storage."""
    storage = Storage.of(spark)
    if storage is not None:
        storage.hadoop.delete(storage.at(f"runs/{run.root.name}/{LENT}"))
