"""The command `daybreak prune`."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, day, load
from jobs.cli.output import TextTable, on_terminal, show_json
from jobs.errors import ConfigError

if TYPE_CHECKING:
    from jobs.config.config import Config
    from lookup.travel.prune import Outcome


def prune(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    keep: Annotated[
        int, typer.Option("--keep", metavar="N", help="How many releases stay, the one that is served among them.")
    ] = 3,
    spare: Annotated[
        list[str] | None,
        typer.Option("--spare", metavar="ID …", help="These stay too, such as the arms of a test that runs."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which releases would be removed, and remove nothing.")
    ] = False,
    log_before: Annotated[
        date | None,
        typer.Option("--log-before", parser=day, metavar="YYYY-MM-DD", help="Remove older events from the log too."),
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option("--runs", min=1, metavar="N", help="Remove the tables of all nights but the newest N too."),
    ] = None,
    json: Json = False,
) -> None:
    """Remove old releases that nobody serves, reads, or would roll back to.

    These releases stay: the one that is served; the ones before it that rollbacks go to (--keep counts them all); those
    built since and not published yet; and those that a reader holds, pinned or not. Readers hold locks, which end with
    their process. Where `[shop]` names a `store`, the same holds there, as far as readers do not count: a host that
    fetches what goes fetches the one that is served instead.

    The log of patches keeps its events, because nights learn from them. --log-before removes the events before that day
    that every release left has absorbed, and the patches that had ended by then.

    Each night keeps `keep_runs` of `[shop]` runs by itself. --runs removes more of them now: their tables, quarantine
    and measurements hold ids of users. A run that another command writes into stays.

    Examples:

      daybreak prune --dry-run
      daybreak prune --keep 5 --spare 20261122T031500Z-3f9a
    """
    from jobs.releases.prune import prune as outcomes_of
    from jobs.releases.prune import prune_log
    from jobs.releases.prune_work import prune_runs
    from lookup.patches.patch_log import open_log
    from lookup.travel.prune import old_ids

    if dry_run and (log_before is not None or runs is not None):
        asked = "--runs" if log_before is None else "--log-before"
        raise ConfigError(f"--dry-run removes nothing and {asked} does: give one of them")
    settings = load(config)
    outcomes = outcomes_of(settings.releases, keep, spare or (), dry_run)
    done = "would be removed" if dry_run else "removed"
    if json:
        show_json(
            {"release": one.id, "bytes": one.bytes, "left": one.why, "removed": one.why is None and not dry_run}
            for one in outcomes
        )
    elif on_terminal():
        _draw(outcomes, len(old_ids(settings.releases, keep, spare or ())), done)
    else:
        _print(outcomes, done)
    if settings.shop.store is not None:
        _sweep(settings, keep, spare or (), dry_run=dry_run, json=json)
    if log_before is not None:
        with closing(open_log(settings.patches)) as log:
            gone = prune_log(settings.releases, log, log_before)
        if json:
            show_json([{"log": log.where, "rows_removed": gone}])
        else:
            print(f"{gone:,} rows removed from the log {log.where}")
    if runs is not None:
        removed = prune_runs(settings, runs)
        _sweep_storage(settings, runs)
        if json:
            show_json({"run": one.path.name, "bytes": one.bytes, "removed": True} for one in removed)
        else:
            total = sum(one.bytes for one in removed) / 1e6
            print(f"{len(removed)} run{'' if len(removed) == 1 else 's'} removed, {total:,.1f} MB")


def _sweep_storage(settings: "Config", runs: int) -> None:
    """Remove old runs where `shop.work` is on storage, too."""
    from jobs.infra.logging import log_line
    from jobs.infra.storage.session import open_storage
    from jobs.infra.storage.work import StoredWork

    if settings.storage is not None:
        storage = open_storage("local[1]", settings.session, settings.scratch)
        removed = StoredWork(storage, settings.run.root).sweep(runs)
        log_line("storage", "swept", url=storage.url, removed=removed)


def _sweep(settings: "Config", keep: int, spare: Sequence[str], *, dry_run: bool, json: bool) -> None:
    """Prune the shop's object store, and say what went."""
    from jobs.releases.remote.sweep import sweep
    from lookup.travel.prune import kept_ids
    from lookup.travel.store import Store

    store = Store(settings.shop.store or "")
    swept = sweep(store, keep, {*kept_ids(settings.releases, keep), *spare}, dry_run)
    if json:
        gone = {"releases": swept.releases, "objects": swept.objects, "bytes": swept.bytes}
        show_json([{"store": store.url, **gone, "removed": not dry_run}])
    else:
        done = "would be removed from" if dry_run else "removed from"
        counted = f"{len(swept.releases)} release{'' if len(swept.releases) == 1 else 's'}, {swept.objects:,} objects"
        print(f"{counted}, {swept.bytes / 1e6:,.1f} MB {done} {store.url}")


def _draw(outcomes: "Iterable[Outcome]", total: int, done: str) -> None:
    """Draw a bar while releases are removed, then a table of what became of each, and the sum."""
    from jobs.infra.logging import Progress

    progress = Progress("prune", "releases", total)
    found = []
    for one in outcomes:
        found.append(one)
        progress.at(len(found))
    if found:
        TextTable(("release", "size", "outcome"), [_cells(one, done) for one in found], right=("size",)).draw()
    _print_sum(found, done)


def _print(outcomes: "Iterable[Outcome]", done: str) -> None:
    """Print what becomes of each release as it happens, and the sum."""
    found = []
    for one in outcomes:
        found.append(one)
        print("  ".join(_cells(one, done)), flush=True)
    _print_sum(found, done)


def _print_sum(outcomes: "Sequence[Outcome]", done: str) -> None:
    removed = [one.bytes for one in outcomes if one.why is None]
    print(f"{len(removed)} release{'' if len(removed) == 1 else 's'} {done}, {sum(removed) / 1e6:,.1f} MB")


def _cells(one: "Outcome", done: str) -> tuple[str, str, str]:
    return one.id, f"{one.bytes / 1e6:,.1f} MB", done if one.why is None else f"left: {one.why}"
