"""The public calls with anything: an answer or a clear error, never a crash, nor a log that others cannot read."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookup
from lookup.patches.patch_log import open_log
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import opened

texts = st.one_of(
    st.text(alphabet=st.characters(), max_size=30),  # half characters too
    st.sampled_from(["item-1", "item-2", "user-1", "user-2", "new", "", " ", "\0", "a" * 1500, "DAIRY"]),
)
numbers = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from([0, 1, -1, 10**30, -(10**30), 2**53 + 1, 2**63, True, False, np.int64(3), np.float32(2.5)]),
)
anything = st.recursive(
    st.one_of(st.none(), texts, numbers, st.binary(max_size=5), st.datetimes()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=4,
)
times = st.one_of(st.none(), st.none(), numbers, st.datetimes(timezones=st.timezones()), st.datetimes())
ids = texts | anything
lists = st.one_of(st.just(()), st.lists(texts, max_size=4), anything)
ks = st.one_of(st.integers(1, 70), numbers, anything)
records = st.dictionaries(
    st.sampled_from(
        ["item_id", "user_id", "forget", "at", "until", "source", "type", "value", "price", "title", "hidden"]
    )
    | texts,
    anything | texts | numbers,
    max_size=6,
)
names = st.one_of(texts, st.sampled_from(["price", "in_stock", "hidden", "title", "category", "brand", "weight"]))
values = st.dictionaries(names.filter(lambda name: name not in ("self", "item", "at", "until")), anything, max_size=4)
conditions = st.one_of(
    st.none(),
    st.just(lookup.price(1, 3) | ~lookup.brand("Acme")),
    st.just(lookup.feature("unheard of", 1)),
    st.just(np.ones(60, dtype=bool)),
    anything,
)

options = st.fixed_dictionaries({}, optional={"where": conditions, "exclude": lists, "pins": lists, "at": times})
varied = st.fixed_dictionaries({}, optional={"diversity": st.sampled_from([lookup.MMR(), lookup.Cap(brand=1), "much"])})
by_user = st.fixed_dictionaries({}, optional={"history": lists, "seen": st.booleans()})
timed = st.fixed_dictionaries({}, optional={"at": times, "until": times})
Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def calls_of(name: str, *arguments: st.SearchStrategy[Any], **named: Any) -> st.SearchStrategy[Call]:
    """Calls of a method: its arguments, and dictionaries of named ones, joined."""
    joined = st.tuples(*named.values()).map(lambda parts: {n: v for part in parts for n, v in part.items()})
    return st.tuples(st.just(name), st.tuples(*arguments), joined)


CALLS = st.one_of(
    calls_of("recommend", ids, ks, options=options, varied=varied, by_user=by_user),
    calls_of("similar", ids, ks, options=options, varied=varied),
    calls_of("popular", ks, st.none() | ids, options=options, varied=varied),
    calls_of("recommend_many", lists, ks),
    calls_of("buy_again", ids, ks, timed=times.map(lambda at: {"at": at})),
    calls_of("item", ids, timed=times.map(lambda at: {"at": at})),
    calls_of("explain", ids, ids, timed=times.map(lambda at: {"at": at})),
    calls_of("patch_item", ids, values=values, timed=timed),
    calls_of("patch_items", st.lists(records, max_size=3) | anything),
    calls_of("add_item", ids, values=values),
    calls_of("add_items", st.lists(records, max_size=3) | anything),
    calls_of("record", ids, ids, st.just("purchase") | ids, named=anything.map(lambda value: {"value": value})),
    calls_of("record", ids, ids, timed=times.map(lambda at: {"at": at})),
    calls_of("record_many", st.lists(records, max_size=3) | anything),
    calls_of("forget", ids, timed=times.map(lambda at: {"at": at})),
    calls_of("forget_many", lists),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(CALLS, min_size=1, max_size=12))
def test_an_answer_or_a_clear_error(built: Two, calls: list[Call]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = opened(built.releases, Path(folder))
        for name, arguments, named in calls:
            with suppress(ValueError, TypeError, KeyError):
                getattr(shop, name)(*arguments, **named)
            assert shop.problem is None
            assert len(shop.popular(1)) <= 1
        # Whoever comes next reads all of it.
        log = open_log(Path(folder) / "log.sqlite")
        changes = log.changes(0)
        assert changes.position == log.position() == shop.stats()["patches"]["position"]
        other = opened(built.releases, Path(folder))
        assert other.popular(60) == shop.popular(60)
        for user in ("user-1", "user-2"):
            assert [hit.item_id for hit in other.recommend(user, 60)] == [
                hit.item_id for hit in shop.recommend(user, 60)
            ]
        shop.close()
        other.close()


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda shop: shop.recommend("u", k=0), ValueError, "a number of 1 or more, not 0"),
        (lambda shop: shop.recommend("u", k=True), ValueError, "not True"),
        (lambda shop: shop.recommend(b"7"), TypeError, r"an id is text \(str\) or a whole number, not bytes: b'7'"),
        (lambda shop: shop.recommend("u", exclude=[7.5]), TypeError, "an id is text or a whole number, not 7.5"),
        (lambda shop: shop.recommend("u", pins="item-1"), TypeError, "item ids are .* not one text: 'item-1'"),
        (lambda shop: shop.recommend("u", exclude=7), TypeError, "item ids are expected one after another, .* not 7"),
        (lambda shop: shop.recommend("u", at="yesterday"), ValueError, "a time is a datetime or whole microseconds"),
        (lambda shop: shop.recommend("u", where="cheap"), ValueError, "'cheap': a condition expected"),
        (lambda shop: shop.recommend_many(["u", None]), TypeError, "an id is text"),
        (lambda shop: shop.recommend_many(7), TypeError, "user ids are expected one after another, .* not 7"),
        (lambda shop: shop.patch_item("item-1"), ValueError, "at least one field and its value were expected"),
        (lambda shop: shop.patch_item("item-1", price=float("nan")), ValueError, "price is not finite"),
        (lambda shop: shop.patch_item("item-1", at=10**30, price=1), ValueError, "at is after the year 9999"),
        (lambda shop: shop.patch_items([7]), ValueError, "a record is a mapping of names to values, not 7"),
        (lambda shop: shop.patch_items(7), TypeError, "records are expected one after another, .* not 7"),
        (lambda shop: shop.record("u", "item-1", "purchase", value="much"), ValueError, "value is 'much'; a number"),
        (lambda shop: shop.forget("\ud800"), ValueError, "half a character"),
        (lambda shop: shop.forget_many("user"), TypeError, "user ids are .* not one text: 'user'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    built: Two, tmp_path: Path, call: Callable[[Shop], Any], kind: type[Exception], said: str
) -> None:
    shop = opened(built.releases, tmp_path)
    with pytest.raises(kind, match=said):
        call(shop)
    assert shop.stats()["patches"]["position"] == 0
