"""The one statement of an item's fields, and of the text that is made of them by night and by day.

Every field here can be patched. Beside them stand the item's id, its declared features, and the night's count of its
events. Spark columns, the catalog's columns, records, checks of patches, and the text derive from this module.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "number", "switch", "path", "id"]
"""A `switch` is true or false; a `path` is a list of texts, the widest first; an `id` is one of
`lookup.keys.clean_id`."""


class ItemField(NamedTuple):
    """A field of an item."""

    name: str
    kind: Kind
    doc: str
    place: int | None = None
    """Its place in the item's text; None where the text does not contain it."""
    instead_of: str | None = None
    """The field that it replaces in the item's text."""
    filterable: bool = False
    """Whether `lookup.serving.limits.filters` has a filter of this name, and a release the array `item_<name>`."""
    least: float | None = None
    """The smallest value of a number."""
    stored: bool = True
    """Whether the night's table of items, the catalog and the item's record have it as a column."""
    since: int | None = None
    """The schema version of a release that brought the column; None: the first."""


ITEM_FIELDS: tuple[ItemField, ...] = (
    ItemField("title", "text", "name shown to people", place=1),
    ItemField("text", "text", "what models read in place of the description", instead_of="description", stored=False),
    ItemField("description", "text", "longer text", place=4),
    ItemField("category", "path", "path, from the widest to the narrowest", place=3, filterable=True),
    ItemField("brand", "text", "", place=2, filterable=True),
    ItemField("price", "number", "in the shop's currency, as of the night", filterable=True, least=0.0),
    ItemField("image", "text", "address of its picture"),
    ItemField("in_stock", "switch", "as of the night", filterable=True),
    ItemField("group", "id", "what the variants of one thing share: calls show one of them", filterable=True, since=6),
    ItemField("hidden", "switch", "never shown; only patches say so, and the night does not absorb it", stored=False),
)
"""In the order of the columns."""

MOST_VARIANTS = 1000
"""Items of a group. More are no variants of one thing: the night leaves such a group out, and the day looks at no
further ones that patches put into it."""
STORED: tuple[ItemField, ...] = tuple(field for field in ITEM_FIELDS if field.stored)
"""The columns of items, in order."""
ABSORBED: tuple[str, ...] = tuple(field.name for field in ITEM_FIELDS if field.stored or field.instead_of)
"""What the night takes from patches of items; beside it declared features."""
NOT_ABSORBED: tuple[str, ...] = tuple(field.name for field in ITEM_FIELDS if field.name not in ABSORBED)
"""Switches that the night has no column for: while they are on, readers keep the patches that say so."""


def _text_parts() -> Iterator[tuple[ItemField, ...]]:
    for field in sorted((one for one in ITEM_FIELDS if one.place is not None), key=lambda one: one.place or 0):
        yield (*(one for one in ITEM_FIELDS if one.instead_of == field.name), field)


TEXT_PARTS: tuple[tuple[ItemField, ...], ...] = tuple(_text_parts())
"""The parts of an item's text in order: of each the fields that may give it, the first that is known counts."""
DESCRIBING: tuple[str, ...] = tuple(field.name for field in ITEM_FIELDS if any(field in part for part in TEXT_PARTS))
"""Fields that make an unknown id a new item: one that can be found."""
NUMERAL = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""A text that is a number, by night and by day: `12d`, `0x1p3` and `1_000` are none, whatever Java or Python say."""
PART_SEPARATOR = ". "
PATH_SEPARATOR = ", "


def text_of(fields: Mapping[str, Any]) -> str:
    """The text of an item: title, brand, category path, and `text` or, where that is unknown, the description.

    Unknown and empty parts are left out. fields: values by name, a path as a sequence of texts; each may be missing or
    None. The night does the same in Spark (`jobs.stages.ingest.spark.item_text`).
    """
    parts = (next(filter(None, (_as_text(field, fields) for field in part)), "") for part in TEXT_PARTS)
    return PART_SEPARATOR.join(part for part in parts if part)


def _as_text(field: ItemField, fields: Mapping[str, Any]) -> str:
    value = fields.get(field.name)
    if value is None:
        return ""
    return PATH_SEPARATOR.join(value) if field.kind == "path" else str(value)
