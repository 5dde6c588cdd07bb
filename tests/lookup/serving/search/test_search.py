"""Searching a small shop: what is found, what it is called, and that it is true now."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from lookup.errors import ConditionError, ReleaseError
from tests.lookup.conftest import Two
from tests.searchable import SHOP, make_searchable


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("search")
    make_searchable(base)
    return base / "releases"


@pytest.fixture
def shop(releases: Path, tmp_path: Path) -> Iterator[lookup.Shop]:
    with_log = lookup.open(releases, patches=tmp_path / "patches.sqlite")
    yield with_log
    with_log.close()


def ids(result: object, *sources: str) -> list[str]:
    return [hit.item_id for hit in result if not sources or hit.source in sources]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("bluetooth speaker", {"s1", "s2"}),
        ("BLUETOOTH  speakers!", {"s1", "s2"}),
        ("006R90321", {"t1"}),
        ("bearing 6204 2rs", {"b1"}),
        ("6204-2RS", {"b1"}),
        ("6204", {"b1"}),
        ("micro sd", {"m1", "m2", "m3", "m4"}),
        ("micro-sd", {"m1", "m2", "m3", "m4"}),
        ("microsd", {"m1", "m2", "m3", "m4"}),
        ("1tb card", {"m1"}),
        ("1000 gb", {"m1"}),
        ("スピーカー", {"z1"}),
        ("音箱", {"z2"}),
        ("bt-100", {"z1"}),
        ("ünder dress", {"d1"}),
        ("under dress", {"d1"}),
    ],
)
def test_words_find_the_items_that_hold_all_of_them(shop: lookup.Shop, query: str, found: set[str]) -> None:
    result = shop.search(query, 5)
    first = ids(result)[: len(found)]
    assert result.total == len(found)
    assert set(first) == found
    assert result.corrected is None
    assert len(result) == 5


def test_a_misspelt_query_finds_what_was_meant_and_says_so(shop: lookup.Shop) -> None:
    right, wrong = shop.search("bluetooth speaker", 5), shop.search("bluetoth speker", 5)
    assert ids(wrong) == ids(right)
    assert wrong.corrected == "bluetooth speaker"
    assert {hit.source for hit in wrong[:2]} == {"corrected"}
    assert shop.search("bluetoth speker", 5, without=["spelling"]).corrected is None
    assert shop.search("bluetoth speker", 5, without="spelling").corrected is None
    assert ids(shop.search("ridgid", 5))[0] == "r1"
    assert shop.search("ridgid").corrected is None
    assert ids(shop.search("rigid", 5))[0] == "r2"


def test_the_last_word_may_be_a_beginning(shop: lookup.Shop) -> None:
    assert set(ids(shop.search("acme blueto", 5), "search")) == {"s1", "h1"}
    assert shop.search("bluetoth spea", 5).corrected == "bluetooth spea"
    assert set(ids(shop.search("bluetoth spea", 5), "corrected")) == {"s1", "s2"}
    assert "s1" not in ids(shop.search("blueto acme ", 5, without=["spelling"]), "search")


def test_a_price_in_a_query_holds_for_prices_as_they_are_now(shop: lookup.Shop) -> None:
    assert ids(shop.search("bluetooth speaker under 50", 5), "search") == ["s1"]
    shop.patch_item("s1", price=60)
    shop.patch_item("s2", price=40)
    result = shop.search("bluetooth speaker under 50", 5)
    assert ids(result, "search") == ["s2"]
    assert result.interpretation.price is not None
    assert result.interpretation.price.high == 50
    assert all((shop.item(hit.item_id) or {})["price"] <= 50 for hit in result)


def test_what_is_sold_out_or_hidden_is_never_found(shop: lookup.Shop) -> None:
    shop.patch_item("s1", in_stock=False)
    shop.patch_item("s2", hidden=True)
    result = shop.search("bluetooth speaker", len(SHOP))
    assert {"s1", "s2"}.isdisjoint(ids(result))
    assert len(result) == len(SHOP) - 2
    assert {"s1", "s2"}.isdisjoint({one.item_id for one in shop.suggest("blu", 20)})


def test_an_added_item_is_found_by_its_words_by_the_next_call(shop: lookup.Shop) -> None:
    shop.add_item("n1", title="Turntable with bluetooth", price=70.0, brand="Nova")
    assert ids(shop.search("turntables", 3))[0] == "n1"
    assert ids(shop.search("nova bluetooth", 3))[0] == "n1"
    assert dict(shop.search("turntable").facets.brands) == {"Nova": 1}
    shop.add_item("n2", title="Gramophonix speakr", price=9.0)
    first = shop.search("gramophonix speakr", 2)
    assert (first[0].item_id, first[0].source, first.corrected) == ("n2", "exact", None)
    assert shop.explain_search("gramophonix", "n2").contributions["words"] <= 7
    shop.patch_item("n1", hidden=True)
    assert "n1" not in ids(shop.search("turntable", 30))


def test_words_are_given_up_where_no_item_holds_all_of_them(shop: lookup.Shop) -> None:
    result = shop.search("zenith bookshelf espresso", 5, without=["spelling"])
    assert result.dropped == ("espresso",)
    assert result[0] == result.hits[0]
    assert (result[0].item_id, result[0].source) == ("s3", "relaxed")
    nothing = shop.search("qwxyz", 4, without=["spelling"])
    assert (nothing.total, {hit.source for hit in nothing}) == (0, {"popular"})


def test_facets_count_all_that_matches_as_it_is_now(shop: lookup.Shop) -> None:
    result = shop.search("speaker", 2)
    assert result.total == 6  # two of them by the name of their category
    assert dict(result.facets.categories) == {"Audio": 6, "Speakers": 5, "Cables": 1}
    assert dict(result.facets.brands) == {"Acme": 2, "Zenith": 3, "Nordic": 1}
    assert sum(band.count for band in result.facets.prices) == 6
    shop.patch_item("c1", brand="Zenith", price=1000.0)
    later = shop.search("speaker", 2).facets
    assert dict(later.brands) == {"Acme": 2, "Zenith": 4}
    assert later.prices[-1].high == 1000.0


def test_conditions_hold_and_sorting_is_by_what_is_true_now(shop: lookup.Shop) -> None:
    result = shop.search("speaker", 9, where=lookup.brand("Zenith"))
    assert set(ids(result, "search")) == {"s2", "s3", "z2"}
    assert all((shop.item(hit.item_id) or {})["brand"] == "Zenith" for hit in result)
    assert ids(shop.search("speaker", 6, sort="price_up")) == ["c1", "s1", "z2", "z1", "s2", "s3"]
    shop.patch_item("c1", price=110.0)
    assert ids(shop.search("speaker", 6, sort="price_up")) == ["s1", "z2", "z1", "s2", "c1", "s3"]
    shop.patch_item("s1", price=None)
    assert ids(shop.search("speaker", 6, sort="price_down"))[-1] == "s1"
    for sort in ("newest", "popular"):
        assert set(ids(shop.search("speaker", 6, sort=sort))) == {"c1", "s1", "s2", "s3", "z1", "z2"}


@pytest.mark.parametrize("sort", ["relevance", "price_up", "price_down"])
def test_pages_neither_repeat_nor_lose_an_item_while_patches_go_on(shop: lookup.Shop, sort: str) -> None:
    seen: list[str] = []
    page, prices = None, iter((500.0, 1.0, 300.0, 2.0, 700.0, 3.0))
    while True:
        result = shop.search("speaker bluetooth card", 1, sort=sort, page=page)
        if page is None:
            matching = result.total
        seen += ids(result, "search", "relaxed")
        shop.patch_item(seen[-1], price=next(prices, 5.0))
        shop.patch_item("s3", price=next(prices, 6.0))
        page = result.next
        if page is None:
            break
    assert len(seen) == len(set(seen))
    assert len(seen) >= matching


def test_a_page_token_is_of_its_own_search(shop: lookup.Shop) -> None:
    token = shop.search("speaker", 1).next
    assert token is not None
    with pytest.raises(ConditionError, match="another search"):
        shop.search("cable", 1, page=token)
    with pytest.raises(ConditionError, match="another search"):
        shop.search("speaker", 1, sort="popular", page=token)
    for wrong in ("", "x", token[:-2], token + "a", "ü" * 9, 7):
        with pytest.raises(ConditionError, match="page"):
            shop.search("speaker", 1, page=wrong)  # type: ignore[arg-type]


def test_the_whole_title_and_the_id_are_exact(shop: lookup.Shop) -> None:
    first = shop.search("Micro SD reader", 2)[0]
    assert (first.item_id, first.source) == ("m4", "exact")
    for typed in ("m3", " m3 "):
        first = shop.search(typed, 2)[0]
        assert (first.item_id, first.source) == ("m3", "exact")
    shop.patch_item("m3", in_stock=False)
    assert "m3" not in ids(shop.search("m3", 5))


def test_a_score_comes_apart(shop: lookup.Shop) -> None:
    hit = shop.search("acme headphones", 1, user="user-1")[0]
    why = shop.explain_search("acme headphones", hit.item_id, user="user-1")
    assert why.candidate
    assert why.score == pytest.approx(hit.score, abs=1e-4)
    assert sum(why.contributions.values()) == pytest.approx(why.score)
    assert why.sentence
    with pytest.raises(KeyError, match="no such item"):
        shop.explain_search("acme", "nobody")


def test_a_known_user_gets_an_order_of_their_own(shop: lookup.Shop) -> None:
    orders = {tuple(ids(shop.search("speaker card bearing", 12, user=f"user-{n}"))) for n in range(12)}
    assert len(orders) > 1


def test_suggestions_name_their_kind(shop: lookup.Shop) -> None:
    found = shop.suggest("spe", 8)
    assert ("Speakers", "category") in {(one.text, one.kind) for one in found}
    assert {one.kind for one in shop.suggest("a", 20, kinds=["brand"])} == {"brand"}
    assert [one for one in shop.suggest("spekaer", 8) if one.corrected]
    with pytest.raises(ConditionError, match="kind"):
        shop.suggest("a", kinds=["colour"])


def test_a_release_without_an_index_says_what_to_do(two: Two) -> None:
    shop = lookup.open(two.releases)
    assert len(shop.recommend("user-1", 5)) == 5
    with pytest.raises(ReleaseError, match=r"no search index.*run a night"):
        shop.search("milk")
    with pytest.raises(ReleaseError, match="no search index"):
        shop.suggest("mi")


def test_what_makes_no_sense_is_one_clear_error(shop: lookup.Shop) -> None:
    with pytest.raises(TypeError, match="a query is text"):
        shop.search(None)  # type: ignore[arg-type]
    with pytest.raises(ConditionError, match="sort is one of"):
        shop.search("a", sort="cheap")
    with pytest.raises(ConditionError, match="without"):
        shop.search("a", without=["everything"])
    with pytest.raises(ValueError, match="k is"):
        shop.search("a", 0)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.one_of(
        st.text(),
        st.text(st.characters(categories=["Cs", "Cc", "Lo", "Nd", "Po", "Zs"])),
        st.sampled_from(
            ["' OR 1=1 --", ".*(a+)+$", "a" * 10_000, "speaker " * 2_000, "\x00", "\ud800", "?!…", "the a"]
        ),
        st.lists(
            st.sampled_from(["speaker", "bluetooth", "under", "50", "€", "-", "6204", "2rs", "1tb", "音箱", "''"])
        ).map(" ".join),
    )
)
def test_any_text_has_an_answer(shop: lookup.Shop, query: str) -> None:
    result = shop.search(query, 5)
    assert len({hit.item_id for hit in result}) == len(result)
    assert result.interpretation.price is not None or len(result) == 5
    shop.suggest(query, 5)
    shop.explain_search(query, "s1")


def test_a_result_names_the_arm_that_gave_it(releases: Path, tmp_path: Path, shop: lookup.Shop) -> None:
    """Also one without hits, and the list of a head query; a guest has none."""
    arms = dict.fromkeys("ab", shop.release.id)
    test = lookup.open(releases, patches=tmp_path / "of-arms.sqlite", arms=arms, salt="words")
    for user in ("1", "2", "3", "4"):
        (arm,) = {hit.arm for hit in test.recommend(user, 2)}
        nothing = test.search("speakers", user=user, where=lookup.price(low=1e6))
        assert (len(nothing), nothing.total, nothing.arm) == (0, 0, arm)
        for query in ("speakers", "bluetoth speker"):
            found = test.search(query, user=user)
            assert {found.arm, *(hit.arm for hit in found)} == {arm}
    assert test.search("speakers").arm is None
    test.close()


@pytest.mark.parametrize("typed", ["KX-7a", "kx-7A", " KX-7A "])
def test_an_id_is_found_in_any_case_and_first(shop: lookup.Shop, typed: str) -> None:
    shop.add_item("KX-7A", title="Espresso machine", price=5.0)
    shop.add_item("other", title="Part of KX-7A", price=5.0)
    found = shop.search(typed, 3)
    assert (found[0].item_id, found[0].source) == ("KX-7A", "exact")
    assert found.total == 2


def test_a_word_whose_items_are_all_sold_out_is_given_up_before_others(shop: lookup.Shop) -> None:
    shop.patch_item("m4", in_stock=False)
    assert shop.search("micro sd reader").dropped == ("reader",)
    assert shop.search("micro sd reader").total == 3


def test_an_item_that_is_described_anew_is_found_by_its_new_words_alone(shop: lookup.Shop) -> None:
    shop.patch_item("m4", title="Turntable with bluetooth", brand="Zenith", category=["Audio"])
    assert (ids(shop.search("turntable", 3))[0], shop.search("turntable").corrected) == ("m4", None)
    assert ids(shop.search("zenith turntable audio"), "search") == ["m4"]
    for query in ("acme micro sd reader", "micro sd reader"):
        assert shop.search(query).dropped == ("reader",)
    assert shop.search("micro sd").total == 3
    assert shop.search("Turntable with bluetooth", 2)[0].source == "exact"
    whole = shop.explain_search("turntable", "m4")
    assert whole.candidate
    assert whole.contributions["title"] > 0
    shop.add_item("n1", title="Turntable for beginners", price=3.0)
    shop.patch_item("n1", title="Juicer")
    assert ids(shop.search("turntable"), "search") == ["m4"]
    assert ids(shop.search("juicer"), "search", "exact") == ["n1"]
    for query in ("audio", "zenith", "bluetooth"):
        assert "m4" in ids(shop.search(query, 20), "search", "list")
    shop.patch_item("m4", hidden=True)
    assert "m4" not in ids(shop.search("turntable", 20))


def test_what_a_search_needs_is_imported_when_the_shop_is_opened(releases: Path) -> None:
    """Not by the first call: a process that forked while a thread imports would wait for ever."""
    script = (
        "import sys, lookup\n"
        "shop = lookup.open(sys.argv[1])\n"
        "known = set(sys.modules)\n"
        "shop.search('speaker'); shop.suggest('sp'); shop.explain_search('speaker', 's1')\n"
        "print(*[name for name in set(sys.modules) - known if name.startswith('lookup')])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, releases], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
