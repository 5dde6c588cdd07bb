"""The command `daybreak search`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Count, Json, Variants, load
from jobs.cli.output import TextTable, escaped, on_terminal, show, show_json
from jobs.cli.search.where import HELP, where
from jobs.errors import ConfigError

if TYPE_CHECKING:
    from lookup import Facets, Hit, SearchResult, Shop
    from lookup.understanding.prices import PriceRange

COLUMNS = ("rank", "score", "source", "item", "price", "title", "reason")


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What a shopper types.")],
    config: ConfigFile = DEFAULT_CONFIG,
    *,
    k: Count = 10,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Whose taste counts too.")] = None,
    sort: Annotated[
        str,
        typer.Option("--sort", metavar="ORDER", help="relevance, price_up, price_down, newest or popular."),
    ] = "relevance",
    conditions: Annotated[list[str] | None, typer.Option("--where", metavar="CONDITION …", help=HELP)] = None,
    facets: Annotated[bool, typer.Option("--facets", help="Count what the items that match have, too.")] = False,
    variants: Variants = False,
    json: Json = False,
) -> None:
    """Show what a search finds, and why, as `shop.search` answers in a backend.

    The first line says how many items match, and how the query was understood. Of several conditions all must hold; of
    several with one name, such as brand=Acme brand=Zenith, one. With --json the first object is about the whole answer,
    and each further one is a hit.

    Example: daybreak search "bluetooth speaker under 50" -k 5 --where in_stock brand=Acme
    """
    import lookup

    shop = lookup.open(load(config).releases)
    try:
        holds = where(conditions or (), shop.release.features)
        result = shop.search(query, k, user=user, sort=sort, where=holds, variants=variants)
    except lookup.ConditionError as error:
        raise ConfigError(f"--{error}" if str(error).startswith("sort") else str(error)) from None
    rows = list(_rows(shop, result, query, user))
    if json:
        show_json([_whole(result, facets), *rows])
        return
    print(escaped(head(result)))
    if rows:
        _show_rows(rows)
    if facets:
        for line in facet_lines(result.facets):
            print(escaped(line))


def _rows(shop: "Shop", result: "SearchResult", query: str, user: str | None) -> Iterator[dict[str, Any]]:
    for rank, hit in enumerate(result, 1):
        item = shop.item(hit.item_id) or {}
        yield {
            "rank": rank,
            "score": hit.score,
            "source": hit.source,
            "item_id": hit.item_id,
            "group": hit.group,
            "variants": hit.variants,
            "price": item.get("price"),
            "title": str(item.get("title") or ""),
            "reason": _reason(shop, hit, query, user),
        }


def _reason(shop: "Shop", hit: "Hit", query: str, user: str | None) -> str:
    """Why it is there: what in the query speaks for the item, or whence it comes where the query does not."""
    from lookup.serving.hit import SOURCES

    if hit.source in ("category", "popular"):
        return SOURCES[hit.source]
    return shop.explain_search(query, hit.item_id, user=user).sentence


def _show_rows(rows: list[dict[str, Any]]) -> None:
    cells = [
        (
            str(row["rank"]),
            f"{row['score']:.3f}",
            row["source"],
            row["item_id"],
            "" if row["price"] is None else f"{row['price']:.2f}",
            row["title"],
            row["reason"],
        )
        for row in rows
    ]
    table = TextTable(COLUMNS, cells, right=("rank", "score", "price"))
    show(table, table.lines()[1:] if not on_terminal() else None)


def _whole(result: "SearchResult", with_facets: bool) -> dict[str, Any]:
    """The answer without its hits, for a program."""
    understood = result.interpretation
    price, leads = understood.price, understood.redirect
    found: dict[str, Any] = {
        "total": result.total,
        "corrected": result.corrected,
        "dropped": list(result.dropped),
        "price": None if price is None else {"low": price.low, "high": price.high, "currency": price.currency},
        "redirect": None if leads is None else {"kind": leads.kind, "target": leads.target},
    }
    if with_facets:
        counted = result.facets
        found["facets"] = {
            "category": counted.categories,
            "brand": counted.brands,
            "price": [{"low": band.low, "high": band.high, "count": band.count} for band in counted.prices],
            "features": counted.features,
        }
    return found


def head(result: "SearchResult") -> str:
    """One line on the whole answer: how many items match, and how the query was understood."""
    understood = result.interpretation
    many = {0: "no item matches", 1: "1 item matches"}.get(result.total, f"{result.total:,} items match")
    parts = [f"{many} “{understood.text}”"]
    if understood.corrected:
        parts.append("corrected: " + ", ".join(f"{typed} → {meant}" for typed, meant in understood.corrected))
    if understood.price is not None:
        parts.append(f"price: {price_words(understood.price)}")
    if result.dropped:
        parts.append(f"given up: {', '.join(result.dropped)}")
    if understood.redirect is not None:
        parts.append(f"leads to the {understood.redirect.kind} {understood.redirect.target}")
    return "; ".join(parts)


def price_words(price: "PriceRange") -> str:
    """A range of prices as people say it."""
    if price.low is None:
        said = f"up to {price.high:g}"
    elif price.high is None:
        said = f"from {price.low:g}"
    else:
        said = f"{price.low:g} to {price.high:g}"
    return f"{said} {price.currency}".rstrip()


def facet_lines(facets: "Facets") -> Iterator[str]:
    """One line a facet; one without values is left out."""
    bands = tuple((f"{band.low:g} to {band.high:g}", band.count) for band in facets.prices)
    counted = {"category": facets.categories, "brand": facets.brands, "price": bands, **facets.features}
    for name, values in counted.items():
        if values:
            said = ", ".join(f"{value} ({count:,})" for value, count in values)
            yield f"{name}: {said}"
