from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from lookup import Hit, Release
from lookup.schema import NO_ITEM, WHOLE_SHOP
from tests.lookup.conftest import Two

UNKNOWN = "nobody knows"


@pytest.fixture(scope="module")
def shop(built: Two) -> lookup.Shop:
    return lookup.open(built.releases)


@pytest.fixture(scope="module")
def release(built: Two) -> Release:
    return Release(built.releases / built.new)


def of(hits: Sequence[Hit], source: str) -> list[Hit]:
    return [hit for hit in hits if hit.source == source]


def expected(release: Release, name: str, row: int, k: int, source: str) -> list[Hit]:
    items, scores = release.arrays[f"{name}_item"][row], release.arrays[f"{name}_score"][row]
    return [
        Hit(release.items.id(item), float(score), source)
        for item, score in zip(items[:k], scores[:k], strict=True)
        if item != NO_ITEM
    ]


def test_a_known_user_gets_the_list(shop: lookup.Shop, release: Release) -> None:
    for user in (f"user-{n}" for n in range(40)):
        hits = shop.recommend(user, k=7)
        assert hits == expected(release, "user_topk", release.users.find(user), 7, "list")
        assert all(type(hit) is Hit and type(hit.score) is float for hit in hits)


def test_a_short_list_is_filled_by_popular_items(shop: lookup.Shop, release: Release) -> None:
    hits = shop.recommend("user-3", k=500)
    assert [hit.source for hit in hits[:10]] == ["list"] * 10
    popular = expected(release, "popular", WHOLE_SHOP, 12, "popular")
    there = {hit.item_id for hit in hits[:10]}
    assert hits[10:] == [hit for hit in popular if hit.item_id not in there]
    assert len(shop.recommend("user-3", k=11)) == 11


def test_an_unknown_user_gets_popular_items(shop: lookup.Shop, release: Release) -> None:
    assert shop.recommend(UNKNOWN, k=5) == expected(release, "popular", WHOLE_SHOP, 5, "popular") == shop.popular(5)
    assert (
        shop.recommend(UNKNOWN, k=5, history=[]) == shop.recommend(UNKNOWN, k=5, history=[UNKNOWN]) == shop.popular(5)
    )


def test_a_history_is_scored_exactly(shop: lookup.Shop, release: Release) -> None:
    history = ["item-5", UNKNOWN, "item-9", "item-5"]
    rows = [release.items.find(item) for item in ("item-5", "item-9", "item-5")]
    # The formula of lookup.encoder, written out: no age, weight 1, every mix adding up to 1, two heads of 2 and 3.
    total = release.item_input[rows].sum(axis=0)
    one, two = total[:2], total[2:5]
    scores = release.item_vector @ np.concatenate([one / np.linalg.norm(one), two / np.linalg.norm(two), [1.0]])
    for row in set(rows):
        scores[row] *= release.encoder.kept
    for row in rows:  # the power of the followers' shares is 1/2
        there = release.next_item[row] >= 0
        scores[release.next_item[row][there]] += release.next_weight[row][there] / np.sqrt(3)
    for row, times in Counter(rows).items():  # an event of today counts 0.5 + 0.25 of those of its item
        scores[row] += release.encoder.repeat * np.log1p(0.75 * times) + release.item_repeat[row]
    assert any((release.next_item[row] >= 0).any() for row in rows)
    best = np.argsort(-scores)[:10]
    for user in ("user-3", UNKNOWN):
        hits = shop.recommend(user, k=10, history=history)
        assert [hit.source for hit in hits] == ["session"] * 10
        # All 60 items are candidates here, or near all: the first ten are the exact ones.
        assert [hit.item_id for hit in hits] == list(map(release.items.id, best.tolist()))
        np.testing.assert_allclose([hit.score for hit in hits], scores[best], rtol=1e-5)


def test_an_unknown_history_leaves_the_list(shop: lookup.Shop) -> None:
    assert (
        shop.recommend("user-3", history=[UNKNOWN]) == shop.recommend("user-3", history=[]) == shop.recommend("user-3")
    )


def test_similar(shop: lookup.Shop, release: Release) -> None:
    row = release.items.find("item-4")
    hits = shop.similar("item-4", k=8)
    assert of(hits, "similar") == expected(release, "item_topk", row, 8, "similar")
    assert len(of(hits, "similar")) == 5
    assert len(of(hits, "popular")) == 3
    assert shop.similar(UNKNOWN, k=3) == shop.popular(3)
    for item in list(map(release.items.id, range(60))):
        found = [hit.item_id for hit in shop.similar(item, k=30)]
        assert item not in found
        assert len(set(found)) == len(found)


def test_popular_of_a_category(shop: lookup.Shop, release: Release) -> None:
    for name in ("DAIRY", "BREAD & CAKES", "Käse", "O'Neil"):
        row = release.categories.find(name) + 1
        assert shop.popular(4, category=name) == expected(release, "popular", row, 4, "category")
    assert shop.popular(4, category=UNKNOWN) == shop.popular(4, category="") == shop.popular(4)
    assert {hit.source for hit in shop.popular(4)} == {"popular"}


def test_buy_again(shop: lookup.Shop, release: Release) -> None:
    row = release.users.find("user-8")
    assert shop.buy_again("user-8", k=3) == expected(release, "user_again", row, 3, "again")
    assert len(shop.buy_again("user-8", k=100)) == 4
    assert shop.buy_again(UNKNOWN) == []


def test_item(shop: lookup.Shop) -> None:
    item = shop.item("item-4")
    assert item is not None
    assert item["item_id"] == "item-4"
    assert set(item) >= {"title", "category", "price", "in_stock"}
    assert shop.item(UNKNOWN) is None


def test_release_is_the_manifest(shop: lookup.Shop, built: Two) -> None:
    assert shop.release.id == built.new
    assert shop.release.counts["users"] == 40


@pytest.mark.parametrize("k", [0, -1, 1.0, "5", None])
def test_a_bad_k_is_a_value_error(shop: lookup.Shop, k: object) -> None:
    for call in (
        lambda: shop.recommend("user-3", k=k),  # type: ignore[arg-type]
        lambda: shop.recommend(UNKNOWN, k=k, history=["item-1"]),  # type: ignore[arg-type]
        lambda: shop.similar("item-1", k=k),  # type: ignore[arg-type]
        lambda: shop.popular(k=k),  # type: ignore[arg-type]
        lambda: shop.buy_again("user-3", k=k),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=f"a number of 1 or more, not {k!r}"):
            call()


def test_ids_are_text(shop: lookup.Shop) -> None:
    with pytest.raises(TypeError, match="an id is text"):
        shop.recommend(900)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a sequence of item ids, not one text"):
        shop.recommend("user-3", history="item-3")


ids = st.one_of(st.text(alphabet=st.characters()), st.sampled_from([f"item-{n}" for n in range(70)]))
users = st.one_of(st.text(alphabet=st.characters()), st.sampled_from([f"user-{n}" for n in range(50)]))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=users, k=st.integers(1, 10**30), history=st.none() | st.lists(ids, max_size=30), category=ids)
def test_any_text_is_answered(shop: lookup.Shop, user: str, k: int, history: list[str] | None, category: str) -> None:
    for hits in (shop.recommend(user, k, history=history), shop.similar(category, k), shop.popular(k, category)):
        assert 0 < len(hits) <= k
        assert len({hit.item_id for hit in hits}) == len(hits)
        assert all(shop.item(hit.item_id) is not None for hit in hits)
        for source in {hit.source for hit in hits}:
            scores = [hit.score for hit in of(hits, source)]
            assert scores == sorted(scores, reverse=True)
        # The fallback stands after everything else.
        assert [hit.source == "popular" for hit in hits] == sorted(hit.source == "popular" for hit in hits)


def test_opening_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(lookup.ReleaseError, match="CURRENT: there is no such file"):
        lookup.open(tmp_path)
    with pytest.raises(lookup.ReleaseError, match="no such release"):
        lookup.open(str(tmp_path), pin="20200101T000000Z-0000")
