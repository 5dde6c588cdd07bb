"""The command `daybreak doctor`."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.night.options import checks
from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, load
from jobs.cli.output import TextTable, show, show_json

if TYPE_CHECKING:
    from jobs.config.config import Config
    from jobs.infra.machine.preflight import Need

HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}


def _age(text: str | timedelta) -> timedelta:
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no age; expected minutes, hours or days, such as 90m, 30h or 2d")
    return timedelta(hours=int(found[1]) * HOURS[found[2]])


def doctor(
    config: ConfigFile = DEFAULT_CONFIG,
    max_age: Annotated[
        timedelta | None,
        typer.Option("--max-age", parser=_age, metavar="AGE", help="Check only that the release is no older: 30h, 2d."),
    ] = None,
    json: Json = False,
) -> int:
    """List what a night needs of this machine: packages, Java, bash, user, host name, memory, disk, rights, files.

    Every night checks the same before it computes anything. The exit code is 1 where something is missing.

    With --max-age the command checks one thing, for a monitor: how long ago the release that serves was built. The exit
    code is 1 where that is longer ago, or where none serves.

    Example: daybreak doctor --max-age 30h
    """
    if max_age is not None:
        return _fresh(load(config), max_age, json)
    found = list(_all(config))
    if json:
        show_json(one._asdict() | {"missing": one.missing} for one in found)
    else:
        rows = [(_verdict(one), one.name, one.found, one.problem) for one in found]
        show(TextTable(("", "what", "found", "what to do"), rows))
    missing = [one.name for one in found if one.missing]
    if missing:
        print(f"daybreak: a night cannot run here: see {', '.join(missing)}", file=sys.stderr)
    return int(bool(missing))


def _verdict(check: "Need") -> str:
    return "MISSING" if check.missing else "short" if check.problem else "ok"


def _all(file: Path) -> "Iterator[Need]":
    """All checks; those of the machine and the current folder alone where there is no configuration yet."""
    from jobs.errors import ConfigError
    from jobs.infra.machine.preflight import Need, folders, machine
    from jobs.infra.spark import DEFAULTS

    try:
        settings = load(file)
    except ConfigError as error:
        yield from machine(DEFAULTS["spark.driver.memory"])
        yield _ranking()
        yield from folders({"current folder": Path.cwd()}, 0)
        yield Need("configuration", str(file), str(error), fatal=file.exists() or file != DEFAULT_CONFIG)
        return
    yield from checks(settings)
    yield _ranking()
    yield Need("configuration", str(file))
    if settings.storage is not None:
        yield _storage(settings)
    yield from _files(settings)
    yield _log(settings)


def _ranking() -> "Need":
    """The way in which a CPU of this machine makes lists."""
    from jobs.infra.machine.preflight import Need
    from jobs.ranking.scan.library import state

    found, problem = state()
    return Need("top-K on a CPU", found, problem, fatal=False)


def _storage(config: "Config") -> "Need":
    """Whether the driver can write to the storage of `shop.work`; each night looks whether executors can."""
    from jobs.errors import ConfigError, SparkError
    from jobs.infra.machine.preflight import Need
    from jobs.infra.storage.session import open_storage

    try:
        open_storage("local[1]", config.session, config.scratch)
    except (ConfigError, SparkError) as error:
        return Need("storage", config.storage or "", str(error))
    return Need("storage", f"{config.storage} takes and gives files")


def _files(config: "Config") -> "Iterator[Need]":
    """Whether the files of the shop are there, and may be read."""
    from jobs.errors import ConfigError
    from jobs.infra.files import find_files
    from jobs.infra.machine.preflight import Need
    from jobs.infra.storage.hadoop import is_url
    from jobs.infra.text_files.opening import check_readable

    tables = [("files of items", config.items.files)]
    tables += [(f"files of events {n}", one.files) for n, one in enumerate(config.events, 1)]
    if config.search.enabled:
        tables += [(f"files of searches {n}", one.files) for n, one in enumerate(config.searches, 1)]
    for name, files in tables:
        try:
            patterns = [files] if isinstance(files, str) else files
            if any(map(is_url, patterns)):
                yield Need(name, "on storage: the night looks for them")
            found = find_files([pattern for pattern in patterns if not is_url(pattern)], config.base)
            if not found:
                continue
            for file in found:
                check_readable(file)
            yield Need(name, f"{len(found)} file{'s' if len(found) > 1 else ''}")
        except ConfigError as error:
            yield Need(name, "none", str(error))


def _log(config: "Config") -> "Need":
    """Whether the patch log answers; a file of which there is none yet is not made."""
    from contextlib import closing

    from jobs.infra.machine.preflight import Need
    from lookup.errors import LogError
    from lookup.patches.patch_log import open_log

    if isinstance(config.patches, Path) and not config.patches.exists():
        return Need("patch log", "none yet")
    try:
        with closing(open_log(config.patches)) as log:
            return Need("patch log", f"{log.where}, position {log.position()}")
    except LogError as error:
        return Need("patch log", "not readable", str(error))


def _fresh(config: "Config", most: timedelta, json: bool) -> int:
    """Say how old the release is that serves; returns the exit code. Raises ReleaseError where none serves."""
    from lookup.release import manifest, pointer

    facts = manifest.read(config.releases / pointer.read(config.releases))
    age = datetime.now(UTC) - datetime.fromisoformat(facts.created)
    hours, limit, late = age.total_seconds() / 3600, most.total_seconds() / 3600, age > most
    if json:
        show_json([{"release": facts.id, "hours": round(hours, 2), "most": limit, "fresh": not late}])
    else:
        told = f"release {facts.id} is of the night of {facts.date} and was built {hours:,.1f} hours ago"
        print(
            told if not late else f"daybreak: {told}, more than {limit:,.1f}", file=sys.stderr if late else sys.stdout
        )
    return int(late)
