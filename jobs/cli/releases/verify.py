"""The command `daybreak verify`."""

from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, load
from jobs.cli.output import show_json


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
    import lookup

    release = lookup.open(load(config).releases, pin=id, verify=True).release
    if json:
        total = sum(fact.bytes for fact in release.files.values())
        show_json([{"release": release.id, "files": len(release.files), "bytes": total}])
    else:
        print(f"{release.id}: every byte of its {len(release.files)} files is as its manifest says")
