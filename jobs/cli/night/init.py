"""The command `daybreak init`."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the files of the shop.")],
) -> None:
    """Look at the files in a folder and write a first daybreak.toml there, with every guess explained.

    Example: daybreak init my-shop/
    """
    from jobs.cli.output import escaped
    from jobs.config.first.write import write_first_config

    print(*map(escaped, write_first_config(folder).split("\n")), sep="\n")
