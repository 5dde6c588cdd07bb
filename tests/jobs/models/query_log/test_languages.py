"""The languages of a catalogue."""

from itertools import product

import pytest

from jobs.models.query_log.languages import Languages, declared, detect, shares

ENGLISH = [
    f"{a} {b} {c}"
    for a, b, c in product(
        ("Large", "Black", "Wireless", "Sony"), ("backpack", "speaker", "kettle"), ("for women", "with lid", "2 litres")
    )
]
GERMAN = [
    f"{a} {b} {c}"
    for a, b, c in product(
        ("Großer", "Wasserdichter", "Sony"), ("Rucksack", "Lautsprecher"), ("für Damen", "mit Deckel", "aus Stahl")
    )
]
JAPANESE = ["ワイヤレスイヤホン Sony", "赤いマグカップ", "大きなリュックサック"]
CHINESE = ["无线蓝牙耳机", "红色马克杯 Sony", "大号背包"]
KOREAN = ["무선 이어폰", "빨간 머그컵", "큰 배낭"]
VIETNAMESE = [f"{a} thể thao nữ màu {b}" for a, b in product(("Giày", "Áo", "Quần"), ("trắng", "đen", "đỏ", "xanh"))]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (ENGLISH, Languages(("english",))),
        (GERMAN, Languages(("german",))),
        (ENGLISH + GERMAN, Languages(("english", "german"))),
        (20 * ENGLISH + GERMAN, Languages(("english",))),
        (ENGLISH + 5 * JAPANESE, Languages(("english",), ("japanese",))),
        (5 * CHINESE, Languages((), ("chinese",))),
        (5 * CHINESE + 5 * KOREAN, Languages((), ("chinese", "korean"))),
        (VIETNAMESE, Languages(())),
        (["6204-2RS", "TN-2110"] * 20, Languages(("english",))),
        ([], Languages(("english",))),
    ],
)
def test_the_languages_of_texts(texts, found):
    assert detect(texts) == found


def test_what_names_seem_to_be_vanishes_beside_what_the_others_are():
    names = ["Kingston microSD 64GB", "Nike Air Max 90 black", "Canon PIXMA printer", "Logitech MX Keys", "BEARING SKF"]
    assert shares(ENGLISH + names)["english"] > 0.98


def test_declared_languages():
    assert declared(["german", "chinese", "german"]) == Languages(("german",), ("chinese",))
    assert declared([]) == Languages(())
