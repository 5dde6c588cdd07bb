"""Items that look like no product, and those that only look a little so."""

import polars as pl

from jobs.config.service_articles import exclusion, find_suspects


def items(*more: tuple[str, str | None, int, float, float]) -> pl.DataFrame:
    """Two hundred mugs and some others: id, title, baskets, low and high price."""
    mugs = [(f"{10_000 + n}", f"Mug {n}", 20 + n % 30, 2.0, 3.0) for n in range(200)]
    return pl.DataFrame([*mugs, *more], schema=["item_id", "title", "baskets", "low", "high"], orient="row")


def test_postage_fees_and_manual_entries_are_clear():
    services = [
        ("POST", "POSTAGE", 400, 1.25, 40.0),
        ("M", "Manual", 40, 0.5, 400.0),
        ("B2", "Bank Charges", 3, 2.0, 30.0),
        ("10999", "Versandkosten", 900, 4.9, 4.9),
        ("STD", "Standard", 600, 3.9, 3.9),
        ("X7", None, 30, 1.0, 90.0),
    ]
    found = find_suspects(items(*services), 2000)
    assert {one.item_id for one in found if one.clear} == {one[0] for one in services}
    assert str(next(one for one in found if one.item_id == "POST")) == (
        "POST (POSTAGE): in 20% of the baskets, its price goes from 1.25 to 40, its code is unlike the others, "
        "it is called 'postage'"
    )


def test_products_with_a_word_of_service_or_an_odd_code_stay():
    products = [
        ("10998", "PIGGY BANK", 900, 2.0, 3.0),
        ("10997", "Delivery van", 30, 2.0, 9.0),
        ("85123A", "Heart", 500, 2.0, 3.0),
        ("PADS", "Pads for cushions", 10, 1.0, 1.0),
        ("10996", "Apples", 900, 0.5, 4.0),
    ]
    found = find_suspects(items(*products), 2000)
    assert [one.item_id for one in found if one.clear] == []
    assert {one.item_id for one in found} == {"10998", "10997", "10996"}


def test_a_shop_of_vouchers_sells_vouchers():
    made = [(f"V{n}", "Voucher", 10, 10.0, 10.0) for n in range(30)]
    assert (
        find_suspects(pl.DataFrame(made, schema=["item_id", "title", "baskets", "low", "high"], orient="row"), 90) == []
    )


def test_the_condition_leaves_out_ids_with_quotes_too():
    assert exclusion("sku", ["b", "a'x\\"], "n > 0") == "(n > 0) AND trim(sku) NOT IN ('a\\'x\\\\', 'b')"
