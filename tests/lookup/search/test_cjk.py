"""Five hundred titles in Chinese and Japanese: found by any two characters of a word, and misspelt brands corrected."""
# ruff: noqa: RUF001 – full-width letters are what is tested.

import re
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import lookup
from jobs.models.understanding.build import QuerySources
from jobs.search.build import ItemTable, build_search
from lookup.search.index import SearchIndex
from lookup.search.searcher import Searcher
from tests.cjk_shop import made_titles
from tests.lookup.search.indexes import ItemsNow
from tests.searchable import make_searchable

SHOP = made_titles()
TITLES = [one.title for one in SHOP]
RUN = re.compile("[\u3005\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff]+")
VOICED = str.maketrans({"゛": "\u3099", "゜": "\u309a"})


@cache
def searcher() -> Searcher:
    n = len(TITLES)
    none = np.full(n, -1, np.int32)
    known = QuerySources(TITLES, none, none, np.ones(n, np.float32), categories=[], brands=[])
    arrays, facts = build_search(ItemTable([(title, "", "", "", "") for title in TITLES], none, known, languages=()))
    return Searcher(SearchIndex(arrays, facts, n), ItemsNow(n))


@cache
def found(query: str) -> frozenset[int]:
    """The rows that match."""
    one = searcher()
    return frozenset(one.matches(one.asked(query).needed()).tolist())


def runs(title: str) -> list[str]:
    """The runs of Chinese and Japanese characters of a title, told without the analyzer."""
    return RUN.findall(unicodedata.normalize("NFKC", title.translate(VOICED)))


def pairs_of(title: str) -> list[str]:
    return [run[at : at + 2] for run in runs(title) for at in range(len(run) - 1)]


def test_the_shop_is_what_it_is_called():
    assert len(set(TITLES)) == 500
    assert all(runs(title) for title in TITLES)


def test_every_title_is_found_by_any_two_characters():
    pairs = [(pair, row) for row, title in enumerate(TITLES) for pair in pairs_of(title)]
    assert len(pairs) > 2000
    assert [(pair, TITLES[row]) for pair, row in pairs if row not in found(pair)] == []


def test_two_characters_do_not_find_what_has_one_of_them():
    pairs = {pair for title in TITLES for pair in pairs_of(title)}
    joined = ["".join(runs(title)) for title in TITLES]
    wrong = [(pair, TITLES[row]) for pair in sorted(pairs) for row in found(pair) if pair not in joined[row]]
    assert wrong == []


def test_every_title_is_found_by_its_model_number():
    assert [one for row, one in enumerate(SHOP) if row not in found(one.model)] == []


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("ＢＬＵＥＴＯＯＴＨ", "bluetooth"),
        ("ＵＳＢ", "usb"),
        ("ｽﾋﾟｰｶｰ", "スピーカー"),
        ("スヒ\u309aーカー", "スピーカー"),
        ("カメラ", "ｶﾒﾗ"),
        ("カ゛ーゼ", "ガーゼ"),
        ("ワイヤレス・イヤホン", "ワイヤレスイヤホン"),
        ("スピーカー黒", "スピーカー・黒"),
        ("bluetoothスピーカー", "スピーカー　Bluetooth"),
        ("bluetoth スピーカー", "bluetooth スピーカー"),
        ("bluetothスピーカー", "bluetooth スピーカー"),
        ("panasonik 耳机", "panasonic 耳机"),
        ("philps 智能", "Philips智能"),
    ],
)
def test_spellings_of_the_same_find_the_same(query, same):
    assert found(query) == found(same) != frozenset()


def test_brand_and_model_number_find_one_title():
    assert [TITLES[row] for row in found("ソニー BT-100")] == ["ソニー子供用のヘッドホン 用ケーブルBT-100"]
    assert found("ソニーBT-100") == found("ソニー ＢＴ－100") == found("BT-100 ソニー")


def test_a_correction_says_so_and_leaves_other_scripts_alone():
    meant = searcher().asked("bluetoth スピーカー").interpretation
    assert meant.corrected == (("bluetoth", "bluetooth"),)
    assert searcher().asked("スピーガー").interpretation.corrected == ()


def test_characters_alone_find_titles_with_them():
    assert found("赤") == {row for row, title in enumerate(TITLES) if "赤" in title}
    assert found("・") == frozenset()


def test_a_shop_answers_with_them(tmp_path: Path):
    few = range(40)
    make_searchable(tmp_path, [{"item_id": str(row), "title": TITLES[row]} for row in few])
    shop = lookup.open(tmp_path / "releases")
    for row in few[::8]:
        for pair in pairs_of(TITLES[row]):
            hits = shop.search(pair, k=40)
            assert str(row) in [hit.item_id for hit in hits if hit.source in ("search", "list")]
            assert hits.total == sum(pair in pairs_of(TITLES[other]) for other in few)
    corrected = shop.search("bluetothマグ", k=5)
    assert corrected.corrected == "bluetoothマグ"
    assert TITLES[int(corrected[0].item_id)] == next(one for one in TITLES if "Bluetoothマグ" in one)


def test_with_words_told_by_night_the_same_is_found_and_katakana_corrected():
    titles = TITLES[:120:2]
    none = np.full(len(titles), -1, np.int32)
    known = QuerySources(titles, none, none, np.ones(len(titles), np.float32), categories=[], brands=[])
    texts = [(title, "", "", "", "") for title in titles]
    plain, parted = (
        Searcher(SearchIndex(*build_search(ItemTable(texts, none, known, (), languages)), len(titles)), ItemsNow(60))
        for languages in ((), ("japanese",))
    )

    def rows(one: Searcher, query: str) -> list[int]:
        return one.matches(one.asked(query).needed()).tolist()

    for pair in {pair for title in titles for pair in pairs_of(title)}:
        assert rows(plain, pair) == rows(parted, pair)
    assert parted.asked("パナソニク 赤い").interpretation.corrected == (("パナソニク", "パナソニック"),)
    assert plain.asked("パナソニク 赤い").interpretation.corrected == ()
    assert rows(parted, "パナソニク") == rows(parted, "パナソニック") != []
    for query in ("ワイヤレスイヤホン", "ソニック", "ナソニック", "パナソ"):  # some title holds these characters
        assert parted.asked(query).interpretation.corrected == ()
