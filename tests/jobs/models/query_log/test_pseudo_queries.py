"""What stands in for a query log."""

import numpy as np

from jobs.models.query_log.pseudo_queries import PseudoQuery, pseudo_queries


def test_names_words_and_titles_are_queries():
    found = pseudo_queries(
        ["Red Mug", "Blue mug, red mug", "…"],
        np.array([9.0, 0.0, 0.0]),
        [["Home", "Mugs"], ["Home"], []],
        ["Acme", None, "acme"],
    )
    assert found == [
        PseudoQuery("acme", "brand", 11.0),
        PseudoQuery("home", "category", 11.0),
        PseudoQuery("mug", "words", 11.0),
        PseudoQuery("red", "words", 11.0),
        PseudoQuery("red mug", "words", 11.0),
        PseudoQuery("mugs", "category", 10.0),
        PseudoQuery("blue mug, red mug", "title", 1.0),
    ]


def test_no_more_than_asked_for():
    titles = [f"lamp number {n}" for n in range(50)]
    assert [one.query for one in pseudo_queries(titles, np.zeros(50), most=2)] == ["lamp", "lamp number"]
    assert pseudo_queries([], np.zeros(0)) == []
