"""The text of an item in Spark: the rule of `lookup.item_fields.text_of`, from the same statement."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lookup.item_fields import PART_SEPARATOR, PATH_SEPARATOR, TEXT_PARTS, ItemField

if TYPE_CHECKING:
    from pyspark.sql import Column


def item_text(column: "Callable[[str], Column]") -> "Column":
    """The text of each item, empty where nothing is known. column: the column of a field, by the field's name."""
    from pyspark.sql import functions as F

    def known(field: ItemField) -> "Column":
        value = column(field.name)
        return F.nullif(F.concat_ws(PATH_SEPARATOR, value) if field.kind == "path" else value, F.lit(""))

    return F.concat_ws(PART_SEPARATOR, *(F.coalesce(*map(known, part)) for part in TEXT_PARTS))
