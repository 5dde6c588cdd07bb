"""The options that several commands have, each stated once, and the configuration that they name."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.errors import ConfigError

if TYPE_CHECKING:
    from jobs.config.config import Config, Override

DEFAULT_CONFIG = Path("daybreak.toml")
LOCAL = "local[*]"
"""The Spark master that runs in this process, on all cores."""


def today() -> date:
    """The day it is, UTC."""
    return datetime.now(UTC).date()


def day(text: str | date) -> date:
    """Read a day. Raises BadParameter for what is none."""
    if isinstance(text, date):  # the default
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day; expected YYYY-MM-DD, such as 2026-11-22") from None


def one_or_more(param: typer.CallbackParam, value: int) -> int:
    """The number as it is. Raises ConfigError where it is less than 1."""
    if value < 1:
        raise ConfigError(f"{param.opts[0]} must be 1 or more; it is {value}")
    return value


ConfigFile = Annotated[
    Path,
    typer.Option("--config", envvar="DAYBREAK_CONFIG", metavar="FILE", help="The configuration of the shop."),
]
NightDate = Annotated[
    date,
    typer.Option(
        "--date",
        parser=day,
        metavar="YYYY-MM-DD",
        default_factory=today,
        show_default="today",
        help="The day of the night, which knows the events before that day, UTC.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line, for a program.")]
Count = Annotated[int, typer.Option("-k", callback=one_or_more, metavar="N", help="How many items to list.")]
Variants = Annotated[bool, typer.Option("--variants", help="List each variant of a thing, not the best one alone.")]
Master = Annotated[str, typer.Option("--master", metavar="URL", help="The Spark master that does the work.")]


def load(
    file: Path,
    night: date | None = None,
    full: bool = False,
    override: "Override | None" = None,
    *,
    warm_start: bool = False,
    older: bool = False,
) -> "Config":
    """Read the configuration for the night of a day (None: today's).

    Raises ConfigError, naming the file and the key, when it is not as expected.
    """
    from jobs.config.loader import load as load_file

    return load_file(file, night or today(), full, override, warm_start=warm_start, older=older)
