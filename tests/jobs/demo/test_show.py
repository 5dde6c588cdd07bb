"""What the demo shows of searches."""

from pathlib import Path

import lookup
from jobs.demo import show
from tests.searchable import make_searchable

ITEMS = [
    {"item_id": f"{n}", "title": title, "category": ["GROCERY", kind], "price": price}
    for n, (title, kind, price) in enumerate(
        [
            ("Frozen Pizza 14 oz", "FROZEN PIZZA", 5.39),
            ("Shredded Cheese 8 oz", "CHEESE", 1.5),
            ("Ground Coffee 11 oz", "COFFEE", 4.5),
            ("Ground Coffee 33 oz", "COFFEE", 9.0),
            ("Tea\x1b[31m 20 ct", "TEA", None),
            ("Milk 1 gal", "MILK", 2.0),
        ]
    )
]


def test_three_searches_one_misspelt_one_with_a_price(tmp_path: Path, capsys) -> None:
    make_searchable(tmp_path, ITEMS)
    capsys.readouterr()
    show.searches(lookup.open(tmp_path / "releases"))
    told = capsys.readouterr().out
    plain, misspelt, priced = told.split("\n\n")[1:]
    assert "1 item matches “frozen pizza”\n" in plain
    assert "1 item matches “shredded cheese”; corrected: shreded → shredded, cheeze → cheese\n" in misspelt
    assert "1 item matches “ground coffee”; price: up to 5\n" in priced
    assert "corrected    1.50  Shredded Cheese 8 oz · cheese (1)" in misspelt
    assert "search       4.50  Ground Coffee 11 oz · coffee (2)" in priced
    assert "Ground Coffee 33 oz" not in priced
    assert "\x1b" not in told
