"""A small shop's words and queries, as the night hands them to the day."""

from functools import cache

import numpy as np

from jobs.models.understanding.build import QuerySources, build_understanding
from jobs.models.understanding.rewrites import read_synonyms
from jobs.models.understanding.texts import Arrays
from lookup.text.analyzer import Analyzer
from lookup.understanding.rewrites import Redirect

ANALYZER = Analyzer()
CATEGORIES = ("audio", "tools", "kitchen")
BRANDS = ("Ridgid", "Sony", "Black", "Glacier Bay")
TITLES: tuple[tuple[str, int, int], ...] = (
    *[(f"Sony bluetooth speaker portable {n} W black", 0, 1) for n in range(1, 9)],
    *[(f"Bluetooth headphones wireless model {n}", 0, -1) for n in range(1, 9)],
    *[(f"Ridgid compound miter saw {n} inch", 1, 0) for n in range(1, 7)],
    *[(f"PVC sch 40 pipe fitting rigid {n}", 1, -1) for n in range(1, 7)],
    *[("Bearing 6204-2RS", 1, -1), ("Black kitchen faucet 8 inch", 2, 2)],
    *[(f"Glacier Bay kitchen faucet {n}", 2, 3) for n in range(1, 7)],
    *[(f"Window air conditioner {n} btu", 2, -1) for n in range(5, 9)],
    ("电视 Samsung QE55", 0, -1),
    *[("Microwave over the stove stainless steel", 2, -1), ("Blue kettle 1.7 l", 2, -1)],
)
"""Title, row of the category, row of the brand."""
QUERIES = {
    "bluetooth speaker": 40.0,
    "ridgid saw": 12.0,
    "kitchen faucet": 20.0,
    "window air conditioner": 9.0,
    "microwave": 15.0,
    "pvc sch 80": 4.0,
}


SOURCES = QuerySources(
    titles=[title for title, _, _ in TITLES],
    category=np.array([category for _, category, _ in TITLES], dtype=np.int32),
    brand=np.array([brand for _, _, brand in TITLES], dtype=np.int32),
    popularity=np.arange(len(TITLES), 0, -1, dtype=np.float32),
    categories=CATEGORIES,
    brands=BRANDS,
    values=(("Stainless Steel", 0, 7), ("blue", 1, 3), ("42", 2, 5)),
    queries=QUERIES,
    synonyms=read_synonyms(["earphones => headphones", "tap, faucet", "S.W.A.T. => police"]),
    redirects={"Returns?": Redirect("url", "https://shop.example/returns"), "saws": Redirect("category", "tools")},
)


@cache
def arrays() -> Arrays:
    """All arrays of understanding. They are not to be changed."""
    return build_understanding(SOURCES, ANALYZER)
