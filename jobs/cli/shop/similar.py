"""The command `daybreak similar`."""

import sys
from enum import Enum
from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Count, Json, load
from jobs.cli.shop.hits import show_hits
from jobs.errors import ConfigError


class By(Enum):
    """What tells that items are similar."""

    LOOK = "look"
    TEXT = "text"
    BEHAVIOUR = "behaviour"


def similar(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The id of the item.")],
    config: ConfigFile = DEFAULT_CONFIG,
    k: Count = 10,
    by: Annotated[
        By | None, typer.Option(help="What tells that items are similar: look, text or behaviour; by default all.")
    ] = None,
    json: Json = False,
) -> None:
    """Show which items are like an item, as `shop.similar` answers in a backend."""
    import lookup

    shop = lookup.open(load(config).releases)
    if shop.item(item) is None:
        print(f"daybreak: no item {item!r} in release {shop.release.id}: popular items", file=sys.stderr)
    try:
        hits = shop.similar(item, k=k, by=by and by.value)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    show_hits(shop, hits, json)
