"""The texts of an item that a search looks in, by night and by day the same."""

from collections.abc import Mapping
from typing import Any

from lookup.item_fields import PATH_SEPARATOR


def texts_of(record: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """The texts of `lookup.retrieval.lexical.counts.FIELDS`: title, brand, category, attributes and description.

    record: an item by field, as `Shop.item` has it; a field may be missing or None. Of the declared features texts
    count; numbers say nothing without their unit, nor yes and no without their question.
    """
    features: Mapping[str, Any] = record.get("features") or {}
    said = [value for value in features.values() if isinstance(value, str)]
    return (
        record.get("title") or "",
        record.get("brand") or "",
        PATH_SEPARATOR.join(record.get("category") or []),
        PATH_SEPARATOR.join(said),
        record.get("description") or "",
    )
