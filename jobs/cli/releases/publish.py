"""The command `daybreak publish`."""

from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, load


def publish(
    id: Annotated[str, typer.Argument(metavar="ID", help="Which release; `daybreak releases` lists them.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Check every byte of a release, and serve it from now on."""
    from jobs.releases.announce import announce

    announce(load(config).releases, id)
    print(f"serving {id}")
