"""Which queries are head queries."""

import numpy as np

from jobs.search.head import NightItems, head_queries, no_head
from lookup.search.head import HeadQueries


def items() -> NightItems:
    """Six of Acme in Speakers and five of Nordic in Cables, one without anything."""
    category = np.array([[0, 1]] * 6 + [[0, 2]] * 5 + [[-1, -1]], np.int32)
    brand = np.array([0] * 6 + [1] * 5 + [-1], np.int32)
    return NightItems(np.ones(12), category, brand, np.ones(12, bool))


def test_names_come_first_then_the_log_then_frequent_pairs() -> None:
    names = (["Audio", "Speakers", "Cables"], ["Acme", "Nordic"])
    log = {"usb  HUB": 2.0, "speakers": 9.0, "hub": 3.0, "": 99.0, "x" * 300: 99.0}
    found = head_queries(log, *names, items())
    assert found == [
        *("audio", "speakers", "cables", "acme", "nordic"),
        *("hub", "usb hub"),
        *("acme speakers", "nordic cables"),
    ]
    assert head_queries(log, *names, items(), most=6) == found[:6]


def test_a_shop_without_categories_has_the_queries_of_its_log() -> None:
    none = NightItems(np.ones(12), np.zeros((12, 0), np.int32), np.full(12, -1, np.int32), np.ones(12, bool))
    assert head_queries({"hub": 3.0}, [], [], none) == ["hub"]


def test_an_index_without_head_queries_finds_none() -> None:
    head = HeadQueries(no_head())
    assert (len(head), head.find("audio"), head.find("")) == (0, -1, -1)
