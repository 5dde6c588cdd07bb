"""Texts of a query log: what was typed, and what no person typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models.query_log.typed import ADDRESS, LETTER, MACHINE, NO_WORDS, decoded, query_of


@pytest.mark.parametrize(
    ("logged", "typed"),
    [
        ("blue%20shoes", "blue shoes"),
        ("blue+shoes", "blue shoes"),
        ("blue%2520shoes", "blue shoes"),
        ("blue%2Bshoes", "blue shoes"),
        ("caf%C3%A9+au+lait", "café au lait"),
        ("%20blue%20", "blue"),
        (r'"caf\u00e9"', "café"),
        (r"caf\u00e9", "café"),
        (r"15\" laptop", '15" laptop'),
        (r"mug \ud83d!", "mug !"),
        ("c++", "c++"),
        ("galaxy s9+", "galaxy s9+"),
        ("red + blue", "red + blue"),
        ("50%", "50%"),
        ("100%ab", "100%ab"),
        ("50%20off today", "50%20off today"),
        ('"red mug"', '"red mug"'),
        (r"c:\temp", r"c:\temp"),
    ],
)
def test_a_text_is_taken_out_of_urls_and_json(logged, typed):
    assert decoded(logged) == typed


@pytest.mark.parametrize(
    ("logged", "why"),
    [
        ("Blue Shoes", None),
        ("select", None),
        ("union jack select mug", None),
        ("5", None),
        ("革", None),
        ("c&a", None),
        ("drop table leaf", None),
        ("hose 3/4 or 1/2", None),
        ("b", LETTER),
        ("%2B", NO_WORDS),
        ("...", NO_WORDS),
        ("🎁", NO_WORDS),
        ("ada@example.org", ADDRESS),
        ("order of ada.l@mail.example.org please", ADDRESS),
        ("https://example.org/mug", MACHINE),
        ("www.example.org", MACHINE),
        ('{"q": "mug"}', MACHINE),
        ("<script>alert(1)</script>", MACHINE),
        ("mug' OR '1'='1", MACHINE),
        ("mug' and 1=1 --", MACHINE),
        ("1 union all select null", MACHINE),
        ("../../etc/passwd", MACHINE),
        ("${jndi:ldap://x}", MACHINE),
        ("mug';select pg_sleep(5)", MACHINE),
        ("{{7*7}}", MACHINE),
    ],
)
def test_what_no_person_typed_is_told(logged, why):
    assert query_of(logged)[1] == why


def test_queries_are_normalised():
    assert query_of("  Café&amp;Bar ")[0] == query_of("CAFE%26bar")[0] == "cafe&bar"


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    query, _ = query_of(text)
    assert query == " ".join(query.split())
