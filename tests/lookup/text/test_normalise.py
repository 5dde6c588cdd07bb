"""Normalised text: which spellings are one, and that nothing raises or changes again."""
# ruff: noqa: RUF001, RUF003 – characters that look alike are what is tested.

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lookup.text.normalise import LONGEST_QUERY, normalise

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
"""Every code point, lone surrogates and unassigned ones included."""
TRICKY = st.lists(
    st.sampled_from(
        [
            *"abz019 -_&.,'+#/x\"*;<>%",
            *("&amp;", "&lt;", "&#38;", "<br>", "<b", "İ", "ß", "é", "e\u0301", "и\u0306", "ｶﾞ", "中", "ก", "ั", "½"),
            *("㎏", "ﷺ", "\ud800", "\u200d", "™", "'s", "in", "gb", "1/2", "ς", "ﬁ", "𝟏", "٣", "𐍈"),
        ]
    ),
    max_size=14,
).map("".join)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("  Blue\t\nSpeaker ", "blue speaker"),
        ("ＦＵＬＬ　ｗｉｄｔｈ １２", "full width 12"),
        ("ｶﾞｷﾞ ﾎﾟ", "ガギ ポ"),  # half width, and the voicing marks stay
        ("はが", "はが"),
        ("caf&eacute; &amp;amp; bar", "cafe & bar"),  # entities in entities
        ("&#1234567;&nosuch;", "&nosuch;"),
        ("black&copyright", "black&copyright"),  # without its semicolon it is no entity
        ("<p>Fast<br/>and <B CLASS='x'>good</B></p>", "fast and good"),
        ("5 < 6 > 4", "5 < 6 > 4"),
        ("Straße STRASSE", "strasse strasse"),
        ("İstanbul ISPARTA ısparta", "istanbul isparta isparta"),
        ("ΟΔΟΣ ὁδός", "οδοσ οδοσ"),  # the final sigma
        ("Œuvre Cœlacanthe Ærø", "oeuvre coelacanthe aero"),
        ("Ёлка новый Київ", "елка новый киів"),  # й is a letter, ё is written as е
        ("كِتَابٌ أحمد", "كتاب احمد"),
        ("שָׁלוֹם", "שלום"),
        ("ห้อง", "ห้อง"),  # Thai vowel signs and tones change the word
        ("हिन्दी", "हिन्दी"),
        ("٣ ३ ３", "3 3 3"),
        ("Lego™ Duplo®", "lego duplo"),  # not "legotm"
        ("1½ cup ¾", "1 1/2 cup 3/4"),  # not 11/2
        ("10×12", "10x12"),
        ("ﬁne ㎏ ①", "fine kg 1"),
        ("women’s 27″ 5′", "women's 27\" 5'"),
        ("wi‑fi wi–fi wi−fi wi\u00adfi", "wi-fi wi-fi wi-fi wifi"),  # the last one has a soft hyphen
        ("zero\u200bwidth zero\u200dwidth \u200fmark", "zero width zerowidth mark"),
        ("a\x00b\x1fc\ud800d", "a b c d"),
        ("한국어 中文", "한국어 中文"),
    ],
)
def test_spellings_of_one_text_are_one(written: str, means: str) -> None:
    assert normalise(written) == means


@settings(deadline=None)
@given(st.one_of(ANY_TEXT, TRICKY))
@example("&am\u0301p;amp;")
@example("&amp;" * 20)
@example("&" + "amp;" * 30)
def test_a_normalised_text_stays_as_it_is(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())
    assert once.isprintable()


@pytest.mark.parametrize("part", ["a", "&amp;", "<b ", "ﷺ", "e\u0301", "中 "])
def test_a_long_text_is_cut(part: str) -> None:
    cut = normalise(part * LONGEST_QUERY, LONGEST_QUERY)
    assert len(cut) <= LONGEST_QUERY
    assert normalise(cut, LONGEST_QUERY) == cut
