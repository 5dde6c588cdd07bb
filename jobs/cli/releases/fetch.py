"""The command `daybreak fetch`."""

from pathlib import Path
from typing import Annotated

import typer


def fetch(
    url: Annotated[str, typer.Argument(metavar="URL", help="The store, such as s3://bucket/folder.")],
    dir: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of releases on this host, for lookup.open.")],
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on, and follow CURRENT of the store.")] = False,
    every: Annotated[
        float, typer.Option("--every", min=0.1, max=86_400, metavar="SECONDS", help="How often to look.")
    ] = 10.0,
    keep: Annotated[
        int, typer.Option("--keep", min=1, max=1000, metavar="N", help="How many releases stay on this disk.")
    ] = 2,
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0.1, max=86_400, metavar="SECONDS", help="How long the server may say nothing."),
    ] = 20.0,
    shards: Annotated[
        str | None,
        typer.Option("--shards", metavar="0,3/8", help="Bring these shards of users alone, here 0 and 3 of 8."),
    ] = None,
) -> int:
    """Bring the release that a store serves to this host's disk, and serve it from there.

    Only what this host lacks is moved. A fetch that is interrupted goes on where it was. Until every byte of the new
    release is verified, the one before serves. Credentials come from the environment, never from the URL.

    A serving host without the rest of Daybreak has the same as `daybreak-fetch`: pip install "daybreak-lookup[fetch]".

    Examples:

      daybreak fetch s3://shop/releases /var/lib/shop/releases
      daybreak fetch s3://shop/releases /var/lib/shop/releases --follow
      daybreak fetch s3://shop/releases /var/lib/shop --follow --shards 0,3/8
    """
    from lookup.travel.__main__ import run

    return run(url, dir, follow=follow, every=every, keep=keep, seconds=timeout, shards=shards)
