"""Words in one and in two."""

from jobs.models.lexical.compounds import compounds
from lookup.text.analyzer import Analyzer

PLAIN = Analyzer()
TITLES = [
    *["SanDisk microSD card", "Kingston micro SD card", "Samsung micro-SD adapter", "Sony microsd 8gb"],
    *["Red Bull drink", "redbull can", "RedBull energy", "red bull zero"],
    *["look in to it", "put in to use", "made into art", "into the wild", *["in the box", "to go"] * 40],
    *["a part", "a part", "apart", "apart"],
    *["tooth brush", "toothbrush", "toothbrush"],
]


def test_both_forms_must_be_there_often_enough() -> None:
    assert compounds(TITLES, PLAIN) == {"microsd": ("micro", "sd"), "redbull": ("red", "bull")}


def test_an_analyzer_with_them_makes_both_forms_one() -> None:
    analyzer = Analyzer(("english",), compounds(TITLES, PLAIN))
    for title in ("red bull", "RedBull", "red-bull"):
        held = {term for position in analyzer.terms(title) for term in position}
        assert held >= {"red", "bull", "redbul"} or held >= {"red", "bull", "redbull"}
