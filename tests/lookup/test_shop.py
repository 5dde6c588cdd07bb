import time
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from lookup import Hit, Release
from lookup.release.schema import NO_ITEM, WHOLE_SHOP
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
    """The stored list, less what is sold out."""
    items, scores = release.arrays[f"{name}_item"][row], release.arrays[f"{name}_score"][row]
    return [
        Hit(release.items.id(item), float(score), source)
        for item, score in zip(items, scores, strict=True)
        if item != NO_ITEM and release.item_in_stock[item]
    ][:k]


def in_stock(release: Release) -> list[int]:
    return np.flatnonzero(release.item_in_stock).tolist()


def exact(release: Release, history: Sequence[tuple[int, float, float]]) -> np.ndarray:
    """The scores of all items for a history of rows, ages and weights: the formulas of lookup.scoring.score_parameters,
    written out."""
    rows = [row for row, _, _ in history]
    left = np.array([2.0 ** (-age / 7.0) for _, age, _ in history])  # half-lives: a week, and for ever
    weights = np.array([weight for _, _, weight in history])
    parts, start = [], 0
    for (quick, slow), width in zip(release.encoder.mix, release.encoder.widths, strict=True):
        total = (weights * (quick * left + slow)) @ release.item_input[rows, start : start + width]
        parts.append(total / np.linalg.norm(total))
        start += width
    parameters = release.score_parameters
    scores, gained = release.item_vector @ np.concatenate([*parts, [1.0]]), np.zeros(len(release.items))
    shares = weights * (0.5 * left + 0.5)
    shares /= np.sqrt(shares.sum())  # the power of the transitions' shares is 1/2
    repeats: Counter[int] = Counter()
    for row, share, fading, weight in zip(rows, shares, left, weights, strict=True):
        there = release.next_item[row] >= 0
        gained[release.next_item[row][there]] += release.next_weight[row][there] * share
        repeats[row] += weight * (0.5 * fading + 0.25)
    days = len({age for _, age, _ in history}) ** parameters.repeat_power
    for row, times in repeats.items():
        scores[row] = parameters.kept_share * scores[row] + (parameters.kept_next - 1) * gained[row]
        scores[row] += parameters.repeat_weight * np.log1p(times / days) + release.item_repeat[row]
    return np.asarray(scores + gained)


def night_history(release: Release, user: int, today: int) -> list[tuple[int, float, float]]:
    known = release.history(user)
    rows, days, weights = (part.tolist() for part in known)
    return list(zip(rows, [float(max(today - day, 0)) for day in days], weights, strict=True))


def test_a_known_user_gets_the_list(shop: lookup.Shop, release: Release) -> None:
    for user in (f"user-{n}" for n in range(40)):
        listed = expected(release, "user_topk", release.users.find(user), 7, "list")
        hits = shop.recommend(user, k=7)
        assert hits[: len(listed)] == listed
        assert {hit.source for hit in hits[len(listed) :]} <= {"session"}
        assert len(hits) == 7
        assert all(type(hit) is Hit and type(hit.score) is float for hit in hits)


def test_a_short_list_is_filled_by_exact_scores(shop: lookup.Shop, release: Release) -> None:
    night = (date.fromisoformat(release.manifest.date) - date(1970, 1, 1)).days
    for user in ("user-3", "user-4"):
        row = release.users.find(user)
        hits = shop.recommend(user, k=500)
        listed = expected(release, "user_topk", row, 500, "list")
        assert hits[: len(listed)] == listed
        assert {hit.source for hit in hits[len(listed) :]} == {"session"}
        assert len(hits) == len(in_stock(release))
        scores = exact(release, night_history(release, row, night))
        best = sorted(in_stock(release), key=lambda item: -scores[item])
        assert [hit.item_id for hit in hits] == list(map(release.items.id, best))
        np.testing.assert_allclose([hit.score for hit in hits], scores[best], rtol=1e-4, atol=1e-5)
        assert len(shop.recommend(user, k=11)) == 11


def test_an_unknown_user_gets_popular_items(shop: lookup.Shop, release: Release) -> None:
    popular = expected(release, "popular", WHOLE_SHOP, 5, "popular")
    assert shop.recommend(UNKNOWN, k=5) == popular == shop.popular(5)
    assert (
        shop.recommend(UNKNOWN, k=5, history=[]) == shop.recommend(UNKNOWN, k=5, history=[UNKNOWN]) == shop.popular(5)
    )
    best = sorted(in_stock(release), key=lambda row: -release.item_popularity[row])
    assert [hit.item_id for hit in shop.popular(100)] == list(map(release.items.id, best))
    assert {hit.source for hit in shop.popular(100)} == {"popular"}


def test_a_history_is_scored_exactly(shop: lookup.Shop, release: Release) -> None:
    history = ["item-5", UNKNOWN, "item-9", "item-5"]
    today = int(time.time()) // 86400
    rows = [release.items.find(item) for item in ("item-5", "item-9", "item-5")]
    assert any((release.next_item[row] >= 0).any() for row in rows)
    for user in ("user-3", UNKNOWN):
        row = release.users.find(user)
        before = night_history(release, row, today) if row >= 0 else []
        scores = exact(release, [*before, *((row, 0.0, 1.0) for row in rows)])
        best = sorted(in_stock(release), key=lambda item: -scores[item])[:10]
        hits = shop.recommend(user, k=10, history=history)
        assert [hit.source for hit in hits] == ["session"] * 10
        assert [hit.item_id for hit in hits] == list(map(release.items.id, best))
        np.testing.assert_allclose([hit.score for hit in hits], scores[best], rtol=1e-4, atol=1e-5)


def test_an_unknown_history_leaves_the_list(shop: lookup.Shop) -> None:
    assert (
        shop.recommend("user-3", history=[UNKNOWN]) == shop.recommend("user-3", history=[]) == shop.recommend("user-3")
    )


def test_similar(shop: lookup.Shop, release: Release) -> None:
    row = release.items.find("item-5")
    hits = shop.similar("item-5", k=30)
    assert of(hits, "similar") == expected(release, "item_topk", row, 30, "similar")
    order = ["similar", "category", "popular"]
    assert [hit.source for hit in hits] == sorted((hit.source for hit in hits), key=order.index)
    there = {hit.item_id for hit in of(hits, "category")}
    names = [release.categories.id(code) for code in release.item_category[row].tolist() if code >= 0]
    assert there
    assert all(set(shop.item(item)["category"]) & set(names) for item in there)  # type: ignore[index]
    assert shop.similar(UNKNOWN, k=3) == shop.popular(3)
    for item in list(map(release.items.id, range(60))):
        found = [hit.item_id for hit in shop.similar(item, k=100)]
        assert item not in found
        assert len(set(found)) == len(found) == len(set(in_stock(release)) - {release.items.find(item)})


def test_popular_of_a_category(shop: lookup.Shop, release: Release) -> None:
    for name in ("DAIRY", "BREAD & CAKES", "Käse", "O'Neil", "FOOD"):
        code = release.categories.find(name)
        own = [row for row in in_stock(release) if code in release.item_category[row]]
        own.sort(key=lambda row: -release.item_popularity[row])
        hits = shop.popular(100, category=name)
        assert [hit.item_id for hit in of(hits, "category")] == list(map(release.items.id, own))
        assert len(hits) == len(in_stock(release))
        assert [hit.source for hit in hits] == sorted(hit.source for hit in hits)
    assert shop.popular(4, category=UNKNOWN) == shop.popular(4, category="") == shop.popular(4)
    assert {hit.source for hit in shop.popular(4)} == {"popular"}


def test_buy_again(shop: lookup.Shop, release: Release) -> None:
    row = release.users.find("user-8")
    assert shop.buy_again("user-8", k=3) == expected(release, "user_again", row, 3, "again")
    assert shop.buy_again("user-8", k=100) == expected(release, "user_again", row, 100, "again")
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


def test_ids_are_text_or_whole_numbers(shop: lookup.Shop) -> None:
    with pytest.raises(TypeError, match="an id is text"):
        shop.recommend(900.5)  # type: ignore[arg-type]
    assert shop.recommend(900) == shop.recommend("900")  # type: ignore[arg-type]
    assert shop.recommend(" user-3\u00a0") == shop.recommend("user-3")
    assert shop.item("\ufeffitem-3") == shop.item("item-3") is not None
    assert shop.similar("item-3 ") == shop.similar("item-3")
    with pytest.raises(
        TypeError, match="item ids are expected one after another, as in a list, not one text: 'item-3'"
    ):
        shop.recommend("user-3", history="item-3")


ids = st.one_of(st.text(alphabet=st.characters()), st.sampled_from([f"item-{n}" for n in range(70)]))
users = st.one_of(st.text(alphabet=st.characters()), st.sampled_from([f"user-{n}" for n in range(50)]))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=users, k=st.integers(1, 10**30), history=st.none() | st.lists(ids, max_size=30), category=ids)
def test_any_text_is_answered(shop: lookup.Shop, user: str, k: int, history: list[str] | None, category: str) -> None:
    for hits in (shop.recommend(user, k, history=history), shop.similar(category, k), shop.popular(k, category)):
        assert 0 < len(hits) <= min(k, 60)
        assert len({hit.item_id for hit in hits}) == len(hits)
        assert all(shop.item(hit.item_id)["in_stock"] for hit in hits)  # type: ignore[index]
        for source in {hit.source for hit in hits} - {"category"}:  # of which there may be several
            scores = [hit.score for hit in of(hits, source)]
            assert scores == sorted(scores, reverse=True)
        # The fallback stands after everything else.
        assert [hit.source == "popular" for hit in hits] == sorted(hit.source == "popular" for hit in hits)


def test_opening_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(lookup.ReleaseError, match="CURRENT: there is no such file"):
        lookup.open(tmp_path)
    with pytest.raises(lookup.ReleaseError, match="no such release"):
        lookup.open(str(tmp_path), pin="20200101T000000Z-0000")
