"""Titles of a shop in Chinese and Japanese, with brands in Latin letters and model numbers: always the same ones."""
# ruff: noqa: RUF001 – full-width letters are what is tested.

import random
import unicodedata
from itertools import pairwise
from typing import NamedTuple

_BRANDS = (
    "Sony",
    "ソニー",
    "Anker",
    "アイリスオーヤマ",
    "Panasonic",
    "パナソニック",
    "华为",
    "小米",
    "Philips",
    "良品",
)
_SERIES = ("BT-{}", "WH-{}XM", "TN{}", "{}ML", "KX-{}DL", "ＢＴ－{}", "RS{}-2", "No.{}")
_JAPANESE = (
    (
        "無線",
        "防水",
        "折りたたみ",
        "大容量",
        "赤い",
        "子供用の",
        "ノイズキャンセリング",
        "ワイヤレス",
        "Bluetooth",
        "ＵＳＢ",
    ),
    (
        "スピーカー",
        "イヤホン",
        "ヘッドホン",
        "ドライヤー",
        "リュックサック",
        "マグカップ",
        "電気ケトル",
        "炊飯器",
        "ｶﾒﾗ",
    ),
    (
        "・黒",
        " ブラック",
        "（2個セット）",
        " 送料無料",
        "【正規品】",
        "、ケース付き",
        " 用ケーブル",
        "",
        "々しい色",
        "カ゛ーゼ付",
    ),
)
_CHINESE = (
    ("无线", "防水", "便携式", "大容量", "红色", "儿童", "降噪", "智能", "Bluetooth", "ＵＳＢ"),
    ("蓝牙音箱", "耳机", "头戴式耳机", "吹风机", "双肩背包", "马克杯", "电热水壶", "电饭煲", "充电器", "手机壳"),
    ("黑色", " 白色", "（两件装）", " 包邮", "【官方正品】", "，带收纳盒", " 家用", "", "加厚款", "·升级版"),
)


class Made(NamedTuple):
    """A title and the model number in it."""

    title: str
    model: str


def made_titles(n: int = 500, seed: int = 7) -> list[Made]:
    """n different titles, half of them Japanese, each with a brand and a model number of its own."""
    chance = random.Random(seed)
    found = []
    for place in range(n):
        first, noun, last = (chance.choice(some) for some in (_JAPANESE, _CHINESE)[place % 2])
        model = chance.choice(_SERIES).format(100 + place)
        words = [chance.choice(_BRANDS), first + noun + last]
        words.insert(chance.randrange(3), model)
        blank = chance.choice(("", " "))
        title = words[0]
        for left, right in pairwise(words):
            title += (" " if _latin(left[-1]) and _latin(right[0]) else blank) + right
        found.append(Made(title, model))
    return found


def _latin(letter: str) -> bool:
    return unicodedata.normalize("NFKC", letter).isascii()
