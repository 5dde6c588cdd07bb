"""`daybreak search` and `daybreak suggest`: what a person and a program read, and what is refused."""

import json
from contextlib import closing
from pathlib import Path

import pytest

import lookup
from jobs.cli.main import main
from jobs.cli.search.search import price_words
from jobs.cli.search.where import where
from jobs.errors import ConfigError
from lookup.understanding.prices import PriceRange
from tests.releases import make_release
from tests.run_tables import Sizes
from tests.searchable import SHOP, make_searchable

TOML = '[items]\nfiles="i.csv"\nitem_id="i"\n[[events]]\nfiles="e.csv"\nuser_id="u"\nitem_id="i"\ntime="t"\n'
ODD = {"item_id": "x1", "title": "Odd\x1b[31m\n\u202elamp", "brand": "Nova\x07", "price": None}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a shop with a search index."""
    folder = tmp_path_factory.mktemp("search")
    make_searchable(folder, [*SHOP, ODD])
    (folder / "daybreak.toml").write_text(TOML)
    return folder / "daybreak.toml"


def asked(shop: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main([words[0], "--config", str(shop), *words[1:]]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return told.out


def refused(shop: Path, capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    capsys.readouterr()
    assert main([words[0], "--config", str(shop), *words[1:]]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("daybreak: ")
    assert told.err.count("\n") == 1
    return told.err


def test_a_search_says_what_was_understood_and_why(shop, capsys):
    head, *lines = asked(shop, capsys, "search", "bluetoth speker under 50", "-k", "4").splitlines()
    assert head == (
        "1 item matches “bluetooth speaker”; corrected: bluetoth → bluetooth, speker → speaker; price: up to 50"
    )
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4"]
    assert lines[0].split()[2:5] == ["corrected", "s1", "29.00"]
    assert "Acme Bluetooth Speaker Mini  it holds words of the query; " in lines[0]


def test_words_that_were_given_up_are_named(shop, capsys):
    head, first, *_ = asked(shop, capsys, "search", "zenith bookshelf espresso", "-k", "2").splitlines()
    assert head == "1 item matches “zenith bookshelf espresso”; given up: espresso"
    assert first.split()[2:4] == ["relaxed", "s3"]
    head, *lines = asked(shop, capsys, "search", "?!", "-k", "2").splitlines()
    assert head.startswith("no item matches ")
    assert [line.split()[2] for line in lines] == ["popular", "popular"]
    assert all(line.endswith("the most popular items of the whole shop") for line in lines)


def test_sorting_and_conditions(shop, capsys):
    found = asked(shop, capsys, "search", "speaker", "-k", "3", "--sort", "price_down", "--where", "price=..100")
    assert [line.split()[3] for line in found.splitlines()[1:]] == ["s2", "z1", "z2"]
    found = asked(shop, capsys, "search", "bluetooth", "--where", "brand=Zenith", "brand=Acme", "price=40..", "-k", "9")
    assert found.startswith("2 items match “bluetooth”\n")
    assert {line.split()[3] for line in found.splitlines()[1:3]} == {"s2", "h1"}


def test_facets_are_counted(shop, capsys):
    *_, category, brand, price = asked(shop, capsys, "search", "bluetooth", "-k", "3", "--facets").splitlines()
    assert category == "category: Audio (3), Speakers (2), Headphones (1)"
    assert brand == "brand: Acme (2), Zenith (1)"
    assert price.startswith("price: 29 to ")


def test_json_has_one_object_for_the_answer_and_one_a_hit(shop, capsys):
    told = asked(shop, capsys, "search", "bluetoth under 50", "-k", "3", "--user", "user-1", "--facets", "--json")
    whole, *hits = map(json.loads, told.splitlines())
    assert whole["total"] == 2
    assert whole["corrected"] == "bluetooth"
    assert whole["price"] == {"low": None, "high": 50.0, "currency": ""}
    assert whole["facets"]["brand"] == [["Acme", 2]]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    known = {"rank", "score", "source", "item_id", "group", "variants", "price", "title", "reason"}
    assert hits[0].keys() == known
    whole = json.loads(asked(shop, capsys, "search", "bluetooth", "-k", "1", "--json").splitlines()[0])
    assert whole["corrected"] is None
    assert "facets" not in whole


def test_what_a_shop_says_does_nothing_to_a_terminal(shop, capsys):
    for words in (("search", "odd lamp", "-k", "1", "--facets"), ("suggest", "odd"), ("search", "\x1b[31m\u202e?")):
        told = asked(shop, capsys, *words)
        assert not {"\x1b", "\x07", "\u202e"} & set(told)
    told = asked(shop, capsys, "search", "odd lamp", "-k", "1", "--facets")
    assert "Odd\\x1b[31m\\n\\u202elamp" in told
    assert "brand: Nova\\x07 (1)" in told


def test_suggestions(shop, capsys):
    lines = asked(shop, capsys, "suggest", "spe").splitlines()
    assert ["category", "Speakers"] in [line.split()[2:4] for line in lines]
    assert {line.split()[2] for line in asked(shop, capsys, "suggest", "a", "--kind", "brand").splitlines()} == {
        "brand"
    }
    found = [json.loads(line) for line in asked(shop, capsys, "suggest", "spekaer", "--json").splitlines()]
    assert [one["rank"] for one in found] == list(range(1, len(found) + 1))
    assert any(one["corrected"] for one in found)
    assert "corrected" in asked(shop, capsys, "suggest", "spekaer")
    assert asked(shop, capsys, "suggest", "qqqqqqqq") == ""


def test_a_patch_counts_at_once(shop, capsys):
    with closing(lookup.open(shop.parent / "releases")) as day:
        day.patch_item("m1", price=1.0)
    assert asked(shop, capsys, "search", "1tb card", "-k", "1").splitlines()[1].split()[4] == "1.00"


def test_mistakes_are_one_sentence(shop, capsys):
    assert "--sort is one of relevance, price_up" in refused(shop, capsys, 2, "search", "a", "--sort", "cheap")
    assert "-k must be 1 or more" in refused(shop, capsys, 2, "search", "a", "-k", "0")
    assert "--kind: " in refused(shop, capsys, 2, "suggest", "a", "--kind", "colour")
    for word in ("speed=3", "price", "in_stock=yes", "price=a..b", "price=50..10", "price=..", "weight=heavy"):
        assert f"--where '{word}': " in refused(shop, capsys, 2, "search", "a", "--where", word)


def test_a_release_without_an_index_says_what_to_do(tmp_path, capsys):
    make_release(tmp_path, sizes=Sizes(items=20, users=5))
    (tmp_path / "daybreak.toml").write_text(TOML)
    for words in (("search", "milk"), ("suggest", "mi")):
        told = refused(tmp_path / "daybreak.toml", capsys, 1, *words)
        assert "has no search index" in told
        assert "run a night" in told


def test_conditions_combine():
    features = {"weight": "number", "organic": "number", "colour": "text"}
    assert where([], features) is None
    assert where(["colour=red", "price=10..50", "colour=blue"], features) == (
        (lookup.feature("colour", "red") | lookup.feature("colour", "blue")) & lookup.price(10, 50)
    )
    assert where(["organic=yes"], features) == lookup.feature("organic", 1)
    assert where(["weight=5"], features) == lookup.feature("weight", low=5, high=5)
    assert where(["in_stock", "brand=a=b"], features) == lookup.in_stock() & lookup.brand("a=b")
    with pytest.raises(ConfigError, match="there are brand, category, in_stock, price, weight, organic, colour"):
        where(["size=3"], features)


@pytest.mark.parametrize(
    ("low", "high", "currency", "said"),
    [(None, 50.0, "", "up to 50"), (20.0, None, "EUR", "from 20 EUR"), (1.5, 2.0, "", "1.5 to 2")],
)
def test_prices_in_words(low, high, currency, said):
    assert price_words(PriceRange(low, high, currency, "", 0, 0)) == said
