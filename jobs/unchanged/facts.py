"""What the results of a job depend on beside the tables of the run: files, settings, code, models, the patch log."""

import hashlib
import json
import os
import platform
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from datetime import UTC, datetime, time
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lookup
from jobs.config.config import Config, Sections
from jobs.config.search import SearchesConfig
from jobs.config.shop import EventsConfig, ImpressionsConfig, ItemsConfig, VisitsConfig
from jobs.infra.files import find_files, resolve
from jobs.infra.kept.store import file_facts
from jobs.infra.machine.cores import usable_cores
from jobs.infra.storage.hadoop import is_url
from jobs.models.behaviour.model_store import newest
from lookup.patches.patch import micros
from lookup.patches.patch_log import open_log
from lookup.release import manifest, pointer
from lookup.release.arrays import file_name

Facts = dict[str, Any]
Files = ItemsConfig | EventsConfig | ImpressionsConfig | VisitsConfig | SearchesConfig
TAKEN = (
    *("ingest", "train_text", "embed_items", "embed_users", "topk", "train_ranker", "evaluate"),
    "index_search",
)
"""The jobs of which a whole result may be taken over. `train` keeps its model by itself, and a release is made each
night."""
NO_MATTER = ("costs",)
"""Sections of the configuration that change no result."""
CODE = (".py", ".so", ".cpp", ".toml", ".json", ".txt", ".tsv", ".csv")
"""What of the packages is code, or data of it."""
LIBRARIES = (
    *("numpy", "polars", "pyarrow", "duckdb", "pyspark", "scikit-learn"),
    *("torch", "transformers", "tokenizers", "safetensors", "snowballstemmer"),
)
OTHER_EACH_TIME = re.compile(
    r"\b(current_(date|time|timestamp)|localtimestamp|input_file|monotonically|spark_partition)"
    r"|\b(now|curdate|unix_timestamp|randn?|random|randstr|uniform|uuid|shuffle|(try_)?reflect|java_method)\s*\(",
    re.IGNORECASE,
)
"""Expressions of SQL that may give the same rows other values."""
BESIDE = "incumbent"
"""The key of what a result does not depend on where the release that serves has the run's own vectors."""
VECTORS = ("item_input", "item_vector", "item_next_item", "item_next_weight", "item_repeat", "item_hash")
"""The arrays of the incumbent that `evaluate` reads."""


def facts_of(job: str, config: Config) -> Facts | None:
    """What the results of a job depend on, beside the tables that it reads; None where that cannot be told, so that its
    results are never taken over.

    The shop's files, a folder of the text model and the code count by their bytes.
    Raises ConfigError where a file of the shop is missing.
    """
    model = newest(config.models, config.date) if job == "embed_items" else None
    told = {
        "train_text": not config.train_text.enabled,
        "embed_items": model is not None and not config.looks,  # pictures may be others at the same address
    }
    if job not in TAKEN or not told.get(job, True) or OTHER_EACH_TIME.search(_sections(config)):
        return None
    text_model = _folder(resolve(config.embed.model, config.base))
    if text_model is None:  # of a hub, where another may stand under the same name tomorrow
        return None
    facts: Facts = {"settings": settings_of(config), "text_model": text_model}
    if job == "ingest":
        if any(is_url(pattern) for table in _tables(config) for pattern in _patterns(table)):
            return None  # their bytes are not read here
        facts |= {"files": _files(config), "log": _log(config)}
    if model is not None:
        facts["model"] = model.id
    if job == "evaluate":
        facts[BESIDE] = _incumbent(config)
    if job == "index_search":
        facts |= {"synonyms": config.synonyms, "redirects": [str(row) for row in config.redirects]}
    return facts


def digest(facts: Facts) -> str:
    """What tells facts from others, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def settings_of(config: Config) -> str:
    """A digest of the configuration, of the code, its libraries, and the processors."""
    libraries = {name: _version(name) for name in LIBRARIES}
    machine = [platform.python_version(), platform.machine(), usable_cores()]
    return digest({"sections": _sections(config), "code": code(), "libraries": libraries, "machine": machine})


@cache
def code() -> str:
    """A digest of all files of the packages `jobs` and `lookup`."""
    roots = [Path(__file__).parents[1], Path(lookup.__file__).parent]
    found = hashlib.sha256()
    for root in roots:
        for path in sorted(path for path in root.rglob("*") if path.suffix in CODE):
            found.update(f"{path.relative_to(root)} {file_facts(path)}".encode())
    return found.hexdigest()


def _sections(config: Config) -> str:
    names = [one.name for one in fields(Sections) if one.name not in NO_MATTER]
    known = asdict(config)
    return json.dumps([str(config.base), [known[name] for name in names]], sort_keys=True, default=str)


def _files(config: Config) -> list[Any]:
    """The shop's files of each table: path, bytes and sha256. Of several rows of an item the file that changed last
    counts, so the order of their times does, too; where there are patches, which are older or younger, the times."""
    named = [find_files(table.files, config.base) for table in _tables(config)]
    every = list(dict.fromkeys(path for paths in named for path in paths))
    with ThreadPoolExecutor() as pool:
        known = dict(zip(every, pool.map(file_facts, every), strict=True))
    times = [path.stat().st_mtime_ns for path in named[0]]
    patched = _log(config)["position"] > 0
    order = times if patched else [sorted(set(times)).index(one) for one in times]
    return [[[str(path), known[path]] for path in paths] for paths in named] + [order]


def _tables(config: Config) -> list[Files]:
    tables: list[Files] = [config.items, *config.events, *config.impressions, *config.searches]
    return tables + [one.visits for one in config.impressions if one.visits]


def _patterns(table: Files) -> list[str]:
    return [table.files] if isinstance(table.files, str) else table.files


def _log(config: Config) -> Facts:
    """The patch log, as far as a night absorbs it. Raises LogError where it cannot be read."""
    log = open_log(config.patches)
    try:
        if log.position() == 0:
            return {"position": 0}
        until = log.reach(micros(datetime.combine(config.date, time(), UTC)))
        return {"position": until, "id": log.identity().id, "forgotten": [list(one) for one in log.forgotten()]}
    finally:
        log.close()


def _incumbent(config: Config) -> Facts | None:
    """What `evaluate` reads of the release that serves; None where there is none."""
    current = pointer.read_or_none(config.releases)
    if current is None:
        return None
    known = manifest.read(config.releases / current)
    files = {name: known.files[file_name(name)].sha256 for name in VECTORS if file_name(name) in known.files}
    return {"files": files, "scores": known.score_parameters.to_json(), "until": known.model.get("trained_until")}


def _folder(path: Path) -> str | None:
    """A digest of all that is in a folder; None where there is none."""
    if not path.is_dir():
        return None
    files = sorted(p for p in path.rglob("*") if p.is_file() and os.access(p, os.R_OK))
    stats = [file.stat() for file in files]
    return _read(path, tuple((file, one.st_size, one.st_mtime_ns) for file, one in zip(files, stats, strict=True)))


@lru_cache(maxsize=2)
def _read(path: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    """A digest of files, with their sizes and times, below a folder. Each job of a night asks for the same."""
    found = hashlib.sha256()
    for file, _, _ in files:
        found.update(f"{file.relative_to(path)} {file_facts(file)}".encode())
    return found.hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
