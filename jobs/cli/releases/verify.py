"""The command `daybreak verify`."""

import sys
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
    from jobs.infra.logging import Progress
    from lookup.release import pointer
    from lookup.release.locks import open_locked

    releases = load(config).releases
    release = open_locked(releases, id or pointer.read(releases))
    files = release.manifest.files
    total = sum(fact.bytes for fact in files.values())
    with redirect_stdout(sys.stderr):
        progress = Progress("verify", "MB", total // MB)
        release.verify(lambda done: progress.at(done // MB))
    if json:
        show_json([{"release": release.id, "files": len(files), "bytes": total}])
    else:
        print(f"{release.id}: every byte of its {len(files)} files is as its manifest says")
