"""The command `daybreak suggest`."""

from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Count, Json, load
from jobs.cli.output import TextTable, on_terminal, show, show_json
from jobs.errors import ConfigError

COLUMNS = ("rank", "score", "kind", "text", "item", "note")
CORRECTED = "corrected"


def suggest(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="What a shopper has typed so far.")],
    config: ConfigFile = DEFAULT_CONFIG,
    k: Count = 8,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND …", help="Only these: query, category, brand, item."),
    ] = None,
    json: Json = False,
) -> None:
    """Show how the first letters of a search may go on, as `shop.suggest` answers in a backend.

    Example: daybreak suggest blu --kind query item
    """
    import lookup

    shop = lookup.open(load(config).releases)
    try:
        found = shop.suggest(prefix, k, kinds=kinds)
    except lookup.ConditionError as error:
        raise ConfigError(f"--kind: {str(error).removeprefix('kinds: ')}") from None
    if json:
        show_json({"rank": rank, **one._asdict()} for rank, one in enumerate(found, 1))
        return
    cells = [
        (str(rank), f"{one.score:.3f}", one.kind, one.text, one.item_id or "", CORRECTED if one.corrected else "")
        for rank, one in enumerate(found, 1)
    ]
    table = TextTable(COLUMNS, cells, right=("rank", "score"))
    show(table, table.lines()[1:] if not on_terminal() else None)
