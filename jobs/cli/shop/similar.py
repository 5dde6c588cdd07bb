"""The command `daybreak similar`."""

import sys
from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Count, Json, load
from jobs.cli.shop.hits import show_hits


def similar(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The id of the item.")],
    config: ConfigFile = DEFAULT_CONFIG,
    k: Count = 10,
    json: Json = False,
) -> None:
    """Show which items are like an item, as `shop.similar` answers in a backend."""
    import lookup

    shop = lookup.open(load(config).releases)
    if shop.item(item) is None:
        print(f"daybreak: no item {item!r} in release {shop.release.id}: popular items", file=sys.stderr)
    show_hits(shop, shop.similar(item, k=k), json)
