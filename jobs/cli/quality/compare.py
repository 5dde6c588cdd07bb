"""The command `daybreak compare`."""

import sys
from collections.abc import Sequence
from datetime import date
from typing import Annotated, NamedTuple

import typer

from jobs.cli.options import Json, day
from jobs.cli.output import TextTable, show, show_json
from jobs.errors import ConfigError


class NamedValue(NamedTuple):
    """A word NAME=VALUE of the command line."""

    name: str
    value: str


def _pair(text: str) -> NamedValue:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"{text!r}; NAME=VALUE expected")
    return NamedValue(name, value)


def compare(
    *,
    exposures: Annotated[
        list[str], typer.Option("--exposures", metavar="FILE …", help="What was shown: files, folders or globs.")
    ],
    events: Annotated[
        list[str],
        typer.Option(
            "--events",
            metavar="FILE …",
            help="What users did: files with columns user_id, item_id, type, time, value; or a daybreak.toml, for the "
            "events of its last run.",
        ),
    ],
    column: Annotated[
        list[NamedValue] | None,
        typer.Option(
            "--column",
            parser=_pair,
            metavar="NAME=SQL",
            help="What a column of the events is, such as user_id=customer or \"type='purchase'\"; give it again for "
            "another.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", metavar="NAME", show_default="all that have events", help="What to compare; give several."
        ),
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="NAME", help="Which test, where the exposures are of several.")
    ] = None,
    control: Annotated[
        str | None,
        typer.Option("--control", metavar="ARM", show_default="the first by name", help="Compare the others with it."),
    ] = None,
    shares: Annotated[
        list[NamedValue] | None,
        typer.Option(
            "--shares",
            parser=_pair,
            metavar="ARM=SHARE …",
            show_default="all the same",
            help="What share of the users each arm is to have.",
        ),
    ] = None,
    click: Annotated[
        str, typer.Option("--click", metavar="TYPE", help="The type of events that are clicks.")
    ] = "click",
    conversion: Annotated[
        str, typer.Option("--conversion", metavar="TYPE", help="The type of events that are conversions.")
    ] = "purchase",
    window: Annotated[
        float, typer.Option("--window", metavar="HOURS", help="An event counts so many hours after an exposure.")
    ] = 24.0,
    any_item: Annotated[
        bool, typer.Option("--any-item", help="An event counts although its item was not shown; not for searches.")
    ] = False,
    first: Annotated[
        date | None,
        typer.Option("--from", parser=day, metavar="YYYY-MM-DD", help="The first day of exposures, UTC."),
    ] = None,
    last: Annotated[
        date | None,
        typer.Option("--to", parser=day, metavar="YYYY-MM-DD", help="The last day of exposures, included."),
    ] = None,
    json: Json = False,
) -> None:
    r"""Compare the arms of an A/B test, by what was shown (exposures) and what users then did (events).

    An event counts when its user was shown its item at most --window hours before. The test compares users, not events:
    means of users by Welch's test, ratios by the delta method, both with the bootstrap beside them. A sample ratio
    mismatch, more or fewer users in an arm than its share says, is reported loudly: then trust no difference.

    Metrics: conversion (share of users with a conversion), clicks (a user), ctr (clicks an exposure), value (of
    conversions, a user), order (value a conversion). Where searches are among the exposures: searches (a user), zero
    (share without a match), search_ctr and search_conversion (share with a click, a conversion), mrr (mean of
    1 / position of the click, 0 without one), relaxed and corrected (share).

    Examples:

      daybreak compare --exposures shown/ --events daybreak.toml --metric value
      daybreak compare --exposures shown/ --events orders.csv clicks.csv \
          --shares a=0.9 b=0.1
    """
    from jobs.experiments.compare import CompareOptions
    from jobs.experiments.compare import compare as compared
    from jobs.experiments.records import EVENT_COLUMNS
    from jobs.experiments.summary import arm_rows, difference_rows, facts, notes, search_rows, warning

    for name, _ in column or ():
        if name not in EVENT_COLUMNS:
            raise ConfigError(f"--column: {name!r} is none of {', '.join(EVENT_COLUMNS)}")
    found = compared(
        CompareOptions(
            exposures=exposures,
            events=events,
            columns=dict(column or ()),
            metrics=metric or (),
            test=test,
            control=control,
            shares=_shares(shares or ()),
            click=click,
            conversion=conversion,
            window=window,
            any_item=any_item,
            first=first,
            last=last,
        )
    )
    warned = warning(found)
    if json:
        show_json([facts(found)])
        if warned:
            print(warned, file=sys.stderr)
        return
    if warned:
        print(f"{warned}\n")
    for head, *rows in [
        arm_rows(found),
        *([search_rows(found)] if found.searches else []),
        *(difference_rows(found, arm) for arm in found.differences),
    ]:
        show(TextTable(head, rows, right=head[1:]))
        print()
    print("\n\n".join([*notes(found), *([warned] if warned else [])]))


def _shares(pairs: Sequence[NamedValue]) -> dict[str, float]:
    try:
        return {arm: float(share) for arm, share in pairs}
    except ValueError as error:
        raise ConfigError(f"--shares: {error}") from None
