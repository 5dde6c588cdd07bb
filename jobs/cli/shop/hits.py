"""How hits of a shop are printed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.cli.output import TextTable, show, show_json

if TYPE_CHECKING:
    from lookup import Hit, Shop


SHOWN = ("item_id", "score", "source", "group", "variants")
"""What a program is told of a hit."""


def show_hits(shop: "Shop", hits: "Sequence[Hit]", json: bool) -> None:
    """Print hits with their titles: a table, plain lines, or JSON."""
    titles = [str((shop.item(hit.item_id) or {}).get("title") or "") for hit in hits]
    ranked = list(enumerate(zip(hits, titles, strict=True), 1))
    if json:
        show_json(
            {"rank": rank, **{name: getattr(hit, name) for name in SHOWN}, "title": title}
            for rank, (hit, title) in ranked
        )
        return
    cells = [(str(rank), f"{hit.score:.3f}", hit.source, hit.item_id, title) for rank, (hit, title) in ranked]
    lines = (f"{rank:>3}  {score:>8}  {source:<8}  {item:<12}  {title}" for rank, score, source, item, title in cells)
    show(TextTable(("rank", "score", "source", "item", "title"), cells, right=("rank", "score")), lines)
