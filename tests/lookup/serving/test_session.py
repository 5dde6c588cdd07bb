"""A user with new events: scored exactly as the night would, by the vector of history and events."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from lookup.serving.session import DAY, UserSession, read_user
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND, now, opened
from tests.lookup.test_shop import exact, night_history

ITEMS = [f"item-{n}" for n in range(60)]


def expected(shop: Shop, user: str, fresh: list[tuple[str, int]], at: int) -> tuple[list[str], np.ndarray]:
    """Ids in stock, best first, and their scores, for a history and events of purchases, by their times."""
    release = shop._live.follower.current()
    row = release.users.find(user)
    today = at // DAY
    history = night_history(release, row, today) if row >= 0 else []
    for item, when in sorted(fresh, key=lambda one: (one[1], one[0])):
        history.append((release.items.find(item), float(max(today - when // DAY, 0)), 1.0))
    scores = exact(release, history)
    best = sorted(np.flatnonzero(release.item_in_stock).tolist(), key=lambda item: -scores[item])
    return [release.items.id(item) for item in best], scores[best]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user=st.sampled_from(["user-1", "user-2", "nobody"]),
    fresh=st.lists(st.tuples(st.sampled_from(ITEMS), st.integers(0, 40 * 24)), min_size=1, max_size=20, unique=True),
)
def test_events_are_scored_exactly(
    built: Two, tmp_path_factory: pytest.TempPathFactory, user: str, fresh: list[tuple[str, int]]
) -> None:
    shop = opened(built.releases, tmp_path_factory.mktemp("log"))
    start = now() - 3600 * SECOND
    events = [(item, start - hours * 3600 * SECOND) for item, hours in fresh]
    shop.record_many(
        {
            "user_id": user,
            "item_id": item,
            "type": "purchase",
            "at": datetime.fromtimestamp(at / SECOND, UTC).isoformat(),
        }
        for item, at in events
    )
    at = now()
    ids, scores = expected(shop, user, [(item, round(when / SECOND) * SECOND) for item, when in events], at)
    hits = shop.recommend(user, 60)
    np.testing.assert_allclose([hit.score for hit in hits], scores, rtol=1e-4, atol=1e-4)
    assert {hit.source for hit in hits} == {"session"}
    ties = {round(float(score), 3) for score in scores}
    if len(ties) == len(scores):
        assert [hit.item_id for hit in hits] == ids
    shop.close()


def test_the_vector_is_the_encoders_of_history_and_events(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    release, at = shop._live.follower.current(), now()
    shop.record("user-1", "item-3", at=at - 2)
    shop.record("user-1", "item-5", at=at - 1)
    history = release.history(release.users.find("user-1"))
    rows = np.concatenate([history.rows, [release.items.find(item) for item in ("item-3", "item-5")]])
    ages = np.maximum(at // DAY - np.concatenate([history.days, [at // DAY] * 2]), 0).astype(np.float64)
    weights = np.concatenate([history.weights, [1.0, 1.0]]).astype(np.float64)
    vector = release.encoder.user_vector(release.item_input[rows], ages, weights)
    shared = set(rows.tolist()) | {int(n) for n in release.next_item[rows].ravel() if n >= 0}
    scores = {release.items.find(hit.item_id): hit.score for hit in shop.recommend("user-1", 60)}
    alone = [row for row in scores if row not in shared]  # nothing is added beside the vector
    assert len(alone) > 5
    assert [scores[row] for row in alone] == pytest.approx((release.item_vector[alone] @ vector).tolist(), rel=1e-6)


def test_events_that_count_nothing_are_passed_over(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    before = shop.recommend("user-1", 20)
    log = open_log(tmp_path / "log.sqlite")
    log.append([patch.event("user-1", "item-3", "stared at"), patch.event("user-1", "gone", "purchase")])
    shop._live.look()
    assert shop.recommend("user-1", 20) == before
    assert shop.recommend("user-1", 20, history=["gone"]) == before


def test_only_the_newest_events_count(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    newest, start = shop.release.max_history, now() - 10_000 * SECOND
    records = [
        {"user_id": "u", "item_id": f"item-{1 + n % 2}", "type": "purchase", "at": start / SECOND + n}
        for n in range(newest + 5)
    ]
    shop.record_many(records[5:])
    hits = shop.recommend("u", 20)
    shop.record_many(records[:5])  # they come late, and are the oldest
    assert shop.recommend("u", 20) == hits
    assert shop.explain("u", "item-9").because[0].times <= newest


def test_what_comes_late_stands_where_it_belongs(built: Two, tmp_path: Path) -> None:
    """Beside the events of the release too: the newest are kept by their days."""
    shop = opened(built.releases, tmp_path)
    release = shop._live.follower.current()
    row = release.users.find("user-1")
    days = release.history(row).days
    shop.record("user-1", "item-3", at=int(days[0]) * DAY)
    state, _ = shop._live.state()
    users, row, events = read_user(shop._live, state, "user-1", now())
    session = UserSession(state, users, row, now(), events)
    assert session.history.days.tolist() == sorted([*days.tolist(), int(days[0])])
    assert release.items.find("item-3") in session.history.rows[: 1 + (days == days[0]).sum()]


def test_few_candidates_give_the_same_hits(built: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items outside the candidates still get their places, under conditions and in the history, too."""
    shop = opened(built.releases, tmp_path)
    shop.record("user-1", "item-3")
    asked: list[dict[str, Any]] = [
        {},
        {"where": lookup.price(8, 12)},
        {"seen": False},
        {"exclude": ["item-1", "item-7"]},
    ]
    every = [shop.recommend("user-1", 30, **options) for options in asked]
    monkeypatch.setattr("lookup.serving.sources.user.CANDIDATES", 3)
    for options, hits in zip(asked, every, strict=True):
        for k in (1, 3, 5, 8, 13):
            found = shop.recommend("user-1", k, **options)
            assert [hit.item_id for hit in found] == [hit.item_id for hit in hits[:k]]
            np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in hits[:k]], rtol=1e-4)
