"""What a new item field needs beside its line in `lookup.item_fields`."""

from typing import get_args, get_type_hints

from jobs.config.first.names import ITEM_NAMES
from jobs.config.shop import ItemsConfig
from jobs.infra.tables import ITEMS, SPARK_TYPES
from lookup.item_fields import STORED, Kind
from lookup.release.catalog_schema import CATALOG


def test_every_kind_has_a_spark_type():
    assert set(SPARK_TYPES) == set(get_args(Kind))


def test_the_configuration_names_the_column_of_every_stored_field():
    missing = {field.name for field in STORED} - set(get_type_hints(ItemsConfig))
    assert not missing, f"ItemsConfig (jobs/config) lacks {missing}"


def test_init_guesses_the_column_of_every_stored_field():
    missing = {field.name for field in STORED} - set(ITEM_NAMES)
    assert not missing, f"ITEM_NAMES (jobs/config/first/names.py) lacks {missing}"


def test_the_nights_items_have_what_the_catalog_has():
    catalog = [column.name for table in CATALOG if table.name == "items" for column in table.columns]
    assert [name for name in ITEMS.columns if name not in ("item", "text")] == catalog
