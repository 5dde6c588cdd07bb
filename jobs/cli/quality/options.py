"""The options that the commands on quality share."""

from datetime import date
from typing import Annotated

import typer

from jobs.cli.options import day, one_or_more

SplitDate = Annotated[
    date | None,
    typer.Option(
        "--date",
        parser=day,
        metavar="YYYY-MM-DD",
        help="For a shop: the day to split its events at. Models learn from the days before.",
    ),
]
SplitDays = Annotated[
    int, typer.Option("--days", callback=one_or_more, metavar="N", help="For a shop: the days to measure on.")
]
