"""The command `daybreak compare`: its options, and what they mean."""

import argparse
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

from jobs.errors import ConfigError

ABOUT = """\
Compare the arms of an A/B test, by what was shown (exposures) and what users then did (events).

An event counts when its user was shown its item at most --window hours before. Users are compared, not events: means of
users by Welch's test, ratios by the delta method, both with the bootstrap beside them. A sample ratio mismatch, more or
fewer users in an arm than its share says, is told loudly: then no difference can be trusted.

Metrics: conversion (share of users with a conversion), clicks (a user), ctr (clicks an exposure), value (of
conversions, a user), order (value a conversion).
"""


def add(commands: Any, day: Callable[[str], date]) -> None:
    """Add the command. day: reads a day from the command line."""
    sub = commands.add_parser("compare", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub.set_defaults(do=_compare)
    sub.add_argument("--exposures", nargs="+", required=True, metavar="FILE", help="files, folders or globs")
    sub.add_argument(
        "--events",
        nargs="+",
        required=True,
        metavar="FILE",
        help="the same, with columns user_id, item_id, type, time, value; or a daybreak.toml: events of its last run",
    )
    sub.add_argument(
        "--column",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=SQL",
        help="what a column of the events is, such as user_id=customer or \"type='purchase'\"; may be given again",
    )
    sub.add_argument("--metric", action="append", default=[], metavar="NAME", help="default: all there are events for")
    sub.add_argument("--test", metavar="NAME", help="which test, by its salt, where the exposures are of several")
    sub.add_argument("--control", metavar="ARM", help="compared with (default: the first by name)")
    sub.add_argument("--shares", nargs="+", type=_pair, default=[], metavar="ARM=SHARE", help="default: all the same")
    sub.add_argument("--click", default="click", metavar="TYPE", help="type of event that is a click (default: click)")
    sub.add_argument("--conversion", default="purchase", metavar="TYPE", help="… a conversion (default: purchase)")
    sub.add_argument("--window", type=float, default=24.0, metavar="HOURS", help="(default: 24)")
    sub.add_argument("--any-item", action="store_true", help="an event counts although its item was not shown")
    sub.add_argument("--from", dest="first", type=day, metavar="YYYY-MM-DD", help="first day of exposures, UTC")
    sub.add_argument("--to", dest="last", type=day, metavar="YYYY-MM-DD", help="last day of exposures, included")
    sub.add_argument("--json", action="store_true", help="one object")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r}; NAME=VALUE expected")
    return name, value


def _compare(arguments: argparse.Namespace) -> None:
    from jobs.experiments.compare import CompareOptions, compare
    from jobs.experiments.records import EVENT_COLUMNS
    from jobs.experiments.summary import to_json, to_text, warning

    for name, _ in arguments.column:
        if name not in EVENT_COLUMNS:
            raise ConfigError(f"--column: {name!r} is none of {', '.join(EVENT_COLUMNS)}")
    try:
        shares = {arm: float(share) for arm, share in arguments.shares}
    except ValueError as error:
        raise ConfigError(f"--shares: {error}") from None
    choice = CompareOptions(
        exposures=arguments.exposures,
        events=arguments.events,
        columns=dict(arguments.column),
        metrics=arguments.metric,
        test=arguments.test,
        control=arguments.control,
        shares=shares,
        click=arguments.click,
        conversion=arguments.conversion,
        window=arguments.window,
        any_item=arguments.any_item,
        first=arguments.first,
        last=arguments.last,
    )
    found = compare(choice)
    print(to_json(found) if arguments.json else to_text(found))
    if arguments.json and (warned := warning(found)):
        print(warned, file=sys.stderr)
