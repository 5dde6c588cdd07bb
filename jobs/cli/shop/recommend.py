"""The command `daybreak recommend`."""

import sys
from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Count, Json, Variants, load
from jobs.cli.output import said
from jobs.cli.shop.hits import show_hits


def recommend(
    user: Annotated[str, typer.Argument(metavar="USER", help="The id of the user.")],
    config: ConfigFile = DEFAULT_CONFIG,
    history: Annotated[
        list[str] | None,
        typer.Option("--history", metavar="ITEM …", help="What the user just viewed or bought, the newest last."),
    ] = None,
    k: Count = 10,
    *,
    variants: Variants = False,
    json: Json = False,
) -> None:
    """Show what a user is recommended, as `shop.recommend` answers in a backend.

    Example: daybreak recommend 900 -k 5 --history A1 B2
    """
    import lookup

    shop = lookup.open(load(config).releases)
    hits = shop.recommend(user, k=k, history=history, variants=variants)
    if hits and history is None:
        try:
            shop.explain(user, hits[0].item_id)
        except KeyError as error:  # nobody knows the user
            print(said(error.args[0]), file=sys.stderr)
    show_hits(shop, hits, json)
