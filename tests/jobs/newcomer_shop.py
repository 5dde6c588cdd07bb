"""A made shop as a newcomer has it: one Parquet file of order lines, with everything that such exports have in them.

Items and orders stand in one table. A quarter of the lines is of guests. Customers have numbers with a fraction, as
pandas writes them beside empty ones. Some pieces come back. Postage, a discount, manual entries and fees are lines as
any other. Times are written as in the United States, names of items change, and breakages are booked without a price.

    python -m tests.jobs.newcomer_shop FOLDER 50000
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

LAST_DAY = datetime(2025, 12, 9)
DAYS = 330
THEMES = ("kitchen", "garden", "christmas", "nursery", "office", "bath", "picnic", "craft")
THINGS = ("mug", "bowl", "lamp", "sign", "basket", "towel", "box", "clock", "tray", "candle", "frame", "jar")
LOOKS = ("red", "blue", "vintage", "spotty", "wooden", "small", "large", "striped")
SERVICES = {
    "POST": "POSTAGE",
    "DOT": "DOTCOM POSTAGE",
    "D": "Discount",
    "M": "Manual",
    "BANK CHARGES": "Bank Charges",
    "C2": "CARRIAGE",
}
"""Articles of service: code → name."""


def theme_of(code: str, items: int) -> str:
    """The theme of an item, by its code."""
    return THEMES[(int(code.rstrip("AB")) - 20_000) * len(THEMES) // items]


def order_lines(rows: int, seed: int = 5) -> pl.DataFrame:
    """About so many order lines; the same for the same seed."""
    rng = np.random.default_rng(seed)
    items, users = max(48, rows // 60), max(20, rows // 90)
    codes = [f"{20_000 + n}{'AB'[n % 2] if n % 9 == 0 else ''}" for n in range(items)]
    names = [f"{LOOKS[n % 8]} {theme_of(codes[n], items)} {THINGS[n % 12]} {n}".upper() for n in range(items)]
    prices = np.round(rng.gamma(2.0, 2.0, items) + 0.4, 2)
    taste = rng.integers(0, len(THEMES), users)
    made: list[tuple[str, str, str, int, datetime, float, float | None, str]] = []
    invoice = 536_365
    while len(made) < rows:
        invoice += 1
        user = None if rng.random() < 0.25 else int(rng.integers(0, users))
        theme = taste[user] if user is not None else rng.integers(0, len(THEMES))
        day = LAST_DAY - timedelta(days=float(rng.random() * DAYS))
        at = day.replace(hour=int(rng.integers(8, 19)), minute=int(rng.integers(0, 60)), second=0, microsecond=0)
        who, country = (None, "Germany") if user is None else (12_346.0 + user, ("France", "Germany")[user % 2])

        def line(code: str, name: str, pieces: int, price: float, *, after: int = 0) -> None:
            number = f"C{invoice}" if pieces < 0 else f"{invoice}"  # noqa: B023
            made.append((number, code, name, pieces, at + timedelta(days=after), price, who, country))  # noqa: B023

        for _ in range(int(rng.integers(2, 8))):
            near = rng.random() < 0.8
            place = (theme + rng.random() ** 2) / len(THEMES) if near else rng.random()
            n = min(int(place * items), items - 1)
            name = names[n] if at.month > 3 or n % 10 else f"{names[n]} (OLD)"
            pieces = int(rng.integers(1, 13))
            line(codes[n], name, pieces, float(prices[n]))
            if rng.random() < 0.03:
                line(codes[n], name, -pieces, float(prices[n]), after=int(rng.integers(1, 9)))
            if user is None and rng.random() < 0.02:
                line(codes[n], "damaged", -int(rng.integers(1, 40)), 0.0)
        if rng.random() < 0.35:
            line("POST", SERVICES["POST"], 1, float(np.round(rng.gamma(2.0, 9.0) + 1, 2)))
        if user is None and rng.random() < 0.2:
            line("DOT", SERVICES["DOT"], 1, float(np.round(rng.gamma(2.0, 60.0) + 5, 2)))
        for code, share, scale in (
            ("D", 0.02, 20.0),
            ("M", 0.02, 60.0),
            ("BANK CHARGES", 0.004, 15.0),
            ("C2", 0.03, 1.0),
        ):
            if rng.random() < share:
                price = 50.0 if code == "C2" else float(np.round(rng.gamma(1.0, scale) + 0.1, 2))
                line(code, SERVICES[code], -1 if code == "D" else 1, price)
    names_of = ("Invoice", "StockCode", "Description", "Quantity", "at", "UnitPrice", "Customer ID", "Country")
    frame = pl.DataFrame(made, schema=list(names_of), orient="row").filter(pl.col("at") <= LAST_DAY).sort("at")
    written = [f"{at.month}/{at.day}/{at.year} {at.hour}:{at.minute:02}" for at in frame["at"]]
    return frame.with_columns(pl.Series("InvoiceDate", written)).drop("at")


def make(folder: Path, rows: int) -> Path:
    """Write the shop; returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "orders.parquet"
    order_lines(rows).write_parquet(path)
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), int(sys.argv[2])))
