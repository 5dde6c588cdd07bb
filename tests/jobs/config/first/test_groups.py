"""The column of variants, as `daybreak init` finds it."""

from datetime import date
from pathlib import Path

import pytest

from jobs.config.first.write import write_first_config
from jobs.config.loader import load

ORDERS = "customer_id,sku,order_date\n1,A1,2026-01-01\n2,A2,2026-01-02\n"


def group_of(folder: Path, products: str) -> str | None:
    (folder / "products.csv").write_text(products)
    (folder / "orders.csv").write_text(ORDERS)
    write_first_config(folder)
    return load(folder / "daybreak.toml", date(2026, 2, 1)).items.group


@pytest.mark.parametrize(
    "name",
    ["parent_sku", "Parent ID", "parent_asin", "group_id", "item_group_id", "style_code", "variant_of", "Handle"],
)
def test_a_column_of_groups_is_found_by_its_name(tmp_path: Path, name: str) -> None:
    products = f"sku,name,{name},price\nA1,Shirt S,P1,3\nA2,Shirt M,P1,3\nA3,Cup,P2,3\n"
    assert group_of(tmp_path, products) == name


def test_parents_among_the_items_are_of_their_group(tmp_path: Path) -> None:
    products = "sku,name,parent_sku,price\nP1,Shirt,,3\nA1,Shirt S,P1,3\nA2,Shirt M,P1,3\nB1,Cup,,3\nC1,Can,C2,3\n"
    assert group_of(tmp_path, products) == "coalesce(parent_sku, sku)"


@pytest.mark.parametrize("values", [("P1", "P1", "P1"), ("P1", "P2", "P3"), ("", "", "")])
def test_a_column_that_says_nothing_is_passed_over(tmp_path: Path, values: tuple[str, ...]) -> None:
    rows = "".join(f"A{n},Shirt {n},{value},3\n" for n, value in enumerate(values, 1))
    assert group_of(tmp_path, f"sku,name,parent_sku,price\n{rows}") is None
