"""The statement of item fields: the text that is made of them, and that a new field is known wherever it must be."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from lookup.errors import PatchError
from lookup.item_fields import DESCRIBING, ITEM_FIELDS, NOT_ABSORBED, STORED, TEXT_PARTS, ItemField, Kind, text_of
from lookup.patches import patch
from lookup.patches.validation import RESERVED
from lookup.release.catalog_schema import CATALOG, DUCKDB_TYPES
from lookup.release.schema import ARRAYS, SCHEMA_VERSION
from lookup.serving.limits import filters
from lookup.serving.limits.conditions import Filterable

VALUES: dict[Kind, Any] = {"text": "mild", "number": 2.0, "switch": True, "path": ["FOOD", "TEA"], "id": "A-1"}
TAKES: dict[Kind, set[Kind]] = {"text": {"id"}, "id": {"text", "number"}}
"""Kinds whose values are values of another one, too."""
EVERY = pytest.mark.parametrize("field", ITEM_FIELDS, ids=lambda field: field.name)


def test_the_text_is_made_of_what_is_known() -> None:
    said = {"title": "Tea", "brand": None, "category": ["FOOD", "TEA"], "description": "green", "price": 3.0}
    assert text_of(said) == "Tea. FOOD, TEA. green"
    assert text_of({**said, "brand": "Acme", "text": "mild"}) == "Tea. Acme. FOOD, TEA. mild"
    assert text_of({**said, "text": ""}) == text_of({**said, "text": None}) == text_of(said)
    assert text_of({}) == text_of({"title": "", "category": None}) == text_of({"category": []}) == ""


def test_fields_that_play_a_part() -> None:
    assert [[field.name for field in part] for part in TEXT_PARTS] == [
        ["title"],
        ["brand"],
        ["category"],
        ["text", "description"],
    ]
    assert DESCRIBING == ("title", "text", "description", "category", "brand")
    assert NOT_ABSORBED == ("hidden",)


def test_names_are_different_and_not_reserved() -> None:
    names = [field.name for field in ITEM_FIELDS]
    assert len(set(names)) == len(names)
    assert not set(names) & {*RESERVED, "features", "events"}


@EVERY
def test_a_field_stands_for_one_that_there_is(field: ItemField) -> None:
    assert field.instead_of is None or field.instead_of in {one.name for one in ITEM_FIELDS if one.place is not None}
    assert field.least is None or field.kind == "number"


@EVERY
def test_a_patch_is_checked_by_the_kind_of_the_field(field: ItemField) -> None:
    assert patch.item("A1", {field.name: VALUES[field.kind]}).values == {field.name: VALUES[field.kind]}
    assert patch.item("A1", {field.name: None}).values == {field.name: None}
    for kind in set(get_args(Kind)) - {field.kind} - TAKES.get(field.kind, set()):
        with pytest.raises(PatchError, match=f"item 'A1': {field.name} is .* expected"):
            patch.item("A1", {field.name: VALUES[kind]})
    if field.least is not None:
        with pytest.raises(PatchError, match=f"{field.least:g} or more was expected"):
            patch.item("A1", {field.name: field.least - 1})


@EVERY
def test_a_filterable_field_has_a_filter_and_an_array(field: ItemField) -> None:
    """What a new filterable field needs by hand: `Filterable`, a function of `filters`, an array, and `State`."""
    known = {array.name for array in ARRAYS}
    assert hasattr(Filterable, field.name) == field.filterable
    assert callable(getattr(filters, field.name, None)) == field.filterable
    assert (f"item_{field.name}" in known) == field.filterable


def test_every_stored_field_is_a_column_of_the_catalog() -> None:
    columns = {column.name: column.type for table in CATALOG if table.name == "items" for column in table.columns}
    assert {field.name: DUCKDB_TYPES[field.kind] for field in STORED}.items() < columns.items()
    assert set(columns) - {field.name for field in STORED} == {"item_id", "features", "events"}


def test_nothing_is_of_a_schema_version_to_come() -> None:
    """Who states a field, a column or an array with a new `since` raises SCHEMA_VERSION."""
    stated = [(array.name, array.since) for array in ARRAYS]
    stated += [(f"{table.name}.{column.name}", column.since) for table in CATALOG for column in table.columns]
    assert [name for name, since in stated if since > SCHEMA_VERSION] == []


def test_the_manual_has_every_field() -> None:
    manual = Path(__file__).parents[2] / "lookup" / "README.md"
    (row,) = re.findall(r"^\| fields of an item \|(.*)\|$", manual.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {field.name for field in ITEM_FIELDS}
