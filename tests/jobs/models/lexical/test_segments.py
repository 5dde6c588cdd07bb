"""Words of Chinese and Japanese titles, by the real dictionaries, and what an index makes of them."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from jobs.models.lexical import segments as module
from jobs.models.lexical.all_counts import counted
from jobs.models.lexical.segments import WEIGHT, Segments, missing, segments
from jobs.models.understanding.spelling import build_speller
from jobs.models.understanding.suggestions import SuggestedText, build_suggestions
from lookup.retrieval.lexical.build import Parameters, build
from lookup.retrieval.lexical.index import WordIndex
from lookup.text.analyzer import Analyzer
from lookup.understanding.spelling.speller import Speller
from lookup.understanding.suggester import Suggester

ANALYZER = Analyzer(())
TITLES = [
    "Sony ワイヤレスイヤホン BT-100",
    "ワイヤレス イヤホン・黒",
    "電気炊飯器 用ケーブル",
    "スピーカー スタンド",
    "华为无线蓝牙耳机 黑色",
    "蓝牙音箱 手机壳",
]


@cache
def told() -> Segments:
    found = segments(("chinese", "japanese"), TITLES, ANALYZER)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("sony ワイヤレスイヤホン bt-100", ["sony ", "ワイヤレス", "イヤホン ", "bt-", "100"]),
        ("イヤホン・黒", ["イヤホン・", "黒"]),
        ("電気炊飯器 用ケーブル", ["電気", "炊飯器 ", "用", "ケーブル"]),
        ("华为无线蓝牙耳机 黑色", ["华为", "无线", "蓝牙", "耳机 ", "黑色"]),
        ("蓝牙音箱 手机壳", ["蓝牙", "音箱 ", "手机壳"]),
        ("무선 이어폰", ["무", "선 ", "이", "어", "폰"]),
        ("bluetooth speaker", ["bluetooth ", "speaker"]),
    ],
)
def test_words_begin_where_they_do(title: str, words: list[str]) -> None:
    starts = told().starts(ANALYZER.tokens(title))
    made = [title[first:end] for first, end in pairwise((*starts, len(title)))]
    assert "".join(made) == title
    if "이" in title:  # no package is for it: at each pair
        assert starts == [token.start for token in ANALYZER.tokens(title)]
    else:
        assert made == words


def test_words_are_counted() -> None:
    assert told().words["蓝牙"] == 2
    assert told().words["イヤホン"] == 2
    assert told().words["炊飯器"] == 1
    assert "黒" not in told().words


def test_pairs_that_span_two_words_are_known_and_count_less() -> None:
    assert told().crossing("Sony ワイヤレスイヤホン") == {"スイ": 1}
    assert told().crossing("イヤホン・黒") == {"ン黒": 1}
    assert told().crossing("蓝牙音箱 蓝牙音箱") == {"牙音": 2}
    items = [(title, "", "", "", "") for title in ("蓝牙音箱", "牙音", "bluetooth")]
    parameters = Parameters(k1=1.0, b=(0.0,) * 5)
    plain, parted = (WordIndex(build(counted(items, ANALYZER, 2, known), parameters)) for known in (None, told()))
    rows = np.arange(3, dtype=np.int32)

    def scores(index: WordIndex, term: str) -> list[float]:
        return index.postings.scores_of(rows, index.slots([[(term, 1.0)]])).tolist()

    assert scores(plain, "牙音")[0] == scores(plain, "牙音")[1] == scores(parted, "牙音")[1]
    assert scores(parted, "牙音")[0] / scores(plain, "牙音")[0] == pytest.approx(WEIGHT / (1 + WEIGHT) * 2, rel=0.02)
    for term in ("蓝牙", "音箱", "bluetooth"):
        assert scores(parted, term) == scores(plain, term)


def test_suggestions_begin_at_words() -> None:
    texts = [SuggestedText(title, "item", row, 1.0) for row, title in enumerate(TITLES)]
    plain, parted = (Suggester(build_suggestions(texts, ANALYZER, known)) for known in (None, told()))
    for prefix, row in (("イヤ", 0), ("音", 5), ("手机", 5), ("bt", 0)):
        assert row in [one.row for one in parted.suggest(prefix)]
    assert [one.row for one in parted.suggest("黒")] == [1]
    assert (len(plain.suggest("ホン")), len(parted.suggest("ホン"))) == (2, 0)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("スピーガー", "スピーカー"),
        ("ワイヤレズ", "ワイヤレス"),
        ("Sony スピカー", "sony スピーカー"),
        ("ワイヤレスイヤホン", None),
        ("イヤホンスタンド", None),
        ("テレビゲーム", None),
        ("耳机", None),
    ],
)
def test_words_in_katakana_are_corrected(typed: str, meant: str | None) -> None:
    often = {word: 20.0 * times for word, times in told().words.items()}
    found = Speller(build_speller(TITLES, {}, ANALYZER, segmented=often), ANALYZER).correct(typed)
    assert (found.text if found else None) == meant


def test_without_words_nothing_in_katakana_is_corrected() -> None:
    assert Speller(build_speller(TITLES * 20, {}, ANALYZER), ANALYZER).correct("スピーガー") is None


def test_without_the_packages_there_are_pairs_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert missing(("chinese", "korean")) == ["jieba"]
    assert missing(("japanese", "chinese")) == ["jieba", "janome"]
    assert segments(("chinese", "japanese"), TITLES, ANALYZER) is None


def test_a_shop_without_such_titles_needs_no_package() -> None:
    assert missing(("korean",)) == []
    assert segments(("korean",), TITLES, ANALYZER) is None
    assert segments((), [], ANALYZER) is None
