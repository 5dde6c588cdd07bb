"""Synonyms and redirects, from files and from clicks."""

import pytest

from jobs.models.understanding.rewrites import SynonymRule, build_rewrites, learn_synonyms, read_synonyms
from lookup.errors import DaybreakError
from lookup.understanding.rewrites import Redirect, Rewrites
from tests.small_queries import ANALYZER


def test_a_file_has_rules_of_one_way_and_of_both() -> None:
    rules = read_synonyms(["# words", "", "tap, faucet  # both", "tv => television, telly"])
    assert [(rule.words, rule.instead) for rule in rules] == [
        ("tap", "faucet"),
        ("faucet", "tap"),
        ("tv", "television"),
        ("tv", "telly"),
    ]


@pytest.mark.parametrize("line", ["tap", "=> a", "a =>", "a => b => c", ", ,"])
def test_a_line_that_says_nothing_is_an_error_with_its_number(line: str) -> None:
    with pytest.raises(DaybreakError, match=r"synonyms\.txt, line 2: expected"):
        read_synonyms(["a, b", line], "synonyms.txt")


def test_a_comment_begins_after_a_blank_and_not_in_a_word() -> None:
    rules = read_synonyms(["\ufeff# words", "c#, csharp", "f# => fsharp # one way"])
    assert [rule[:2] for rule in rules] == [("c#", "csharp"), ("csharp", "c#"), ("f#", "fsharp")]


def test_a_line_of_too_many_synonyms_is_an_error_with_its_number() -> None:
    assert len(read_synonyms([", ".join(map(str, range(200)))])) == 200 * 199
    with pytest.raises(DaybreakError, match=r"synonyms, line 1: has more than 200 synonyms"):
        read_synonyms([", ".join(map(str, range(201)))])


def test_synonyms_without_words_and_redirects_to_nowhere_are_errors() -> None:
    with pytest.raises(DaybreakError, match="one to 4 words, not 'one two three four five'"):
        build_rewrites([SynonymRule("one two three four five", "x")], {}, ANALYZER)
    with pytest.raises(DaybreakError, match="a synonym"):
        build_rewrites([SynonymRule("!", "x")], {}, ANALYZER)
    for redirect in (Redirect("page", "x"), Redirect("url", "")):
        with pytest.raises(DaybreakError, match="a redirect"):
            build_rewrites([], {"returns": redirect}, ANALYZER)


def test_phrases_are_found_longest_first_and_the_heaviest_synonym_first() -> None:
    rules = [
        SynonymRule("Micro SD", "microsd", 0.5),
        SynonymRule("micro-sd", "TF card", 0.8),
        SynonymRule("sd", "secure"),
    ]
    found = Rewrites(build_rewrites(rules, {}, ANALYZER), ANALYZER).synonyms(ANALYZER.tokens("64 gb micro sd card"))
    assert [(one.words, one.instead, one.first, one.end) for one in found] == [
        ("micro sd", "tf card", 1, 3),
        ("micro sd", "microsd", 1, 3),
    ]


def clicks(query: str, *items: str) -> list[tuple[str, str, float]]:
    """Four clicks on each item."""
    return [(query, item, 4.0) for item in items]


def test_queries_with_the_same_clicks_teach_synonyms() -> None:
    rules = learn_synonyms(
        [
            *clicks("couch", "1", "2", "3"),
            *clicks("sofa", "1", "2", "3"),
            *clicks("leather trousers", "5", "6"),
            *clicks("leather pants", "5", "6", "7"),
            *clicks("lamp", "8", "9"),
        ],
        ANALYZER,
    )
    pairs = {(rule.words, rule.instead) for rule in rules}
    assert pairs == {("couch", "sofa"), ("sofa", "couch"), ("trousers", "pants"), ("pants", "trousers")}
    assert all(0 < rule.weight < 1 for rule in rules)


@pytest.mark.parametrize(
    ("one", "other"),
    [("speaker", "speakers"), ("bluetooth", "bluetoth"), ("6204", "6205"), ("size 42", "size 43")],
)
def test_endings_misspellings_and_numbers_are_no_synonyms(one: str, other: str) -> None:
    assert learn_synonyms([*clicks(one, "1", "2", "3"), *clicks(other, "1", "2", "3")], ANALYZER) == []


def test_one_shared_item_or_few_clicks_are_not_enough() -> None:
    assert learn_synonyms([*clicks("couch", "1", "2"), *clicks("sofa", "2", "3")], ANALYZER) == []
    few = [("couch", "1", 1.0), ("couch", "2", 1.0), ("sofa", "1", 1.0), ("sofa", "2", 1.0)]
    assert learn_synonyms(few, ANALYZER) == []
