"""The command `daybreak verify`."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, load
from jobs.cli.output import show_json

MB = 1_000_000


def verify(
    id: Annotated[
        str | None, typer.Argument(metavar="ID", show_default="the one that is served", help="Which release.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Check every byte of a release against its manifest.

    The exit code is 1 where a file is missing or damaged; the message names it.
    """
    from lookup.release import pointer
    from lookup.release.locks import open_locked

    releases = load(config).releases
    with redirect_stdout(sys.stderr):
        facts = open_locked(releases, id or pointer.read(releases), True, _reporter()).manifest
    if json:
        total = sum(fact.bytes for fact in facts.files.values())
        show_json([{"release": facts.id, "files": len(facts.files), "bytes": total}])
    else:
        print(f"{facts.id}: every byte of its {len(facts.files)} files is as its manifest says")


def _reporter() -> Callable[[int, int], None]:
    """A function that reports how many bytes of all are verified, in megabytes."""
    from jobs.infra.logging import Progress

    made: list[Progress] = []

    def report(done: int, total: int) -> None:
        if not made:
            made.append(Progress("verify", "MB", total // MB))
        made[0].at(done // MB)

    return report
