"""A state renewed patch by patch equals one made from all patches at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.patches import patch
from lookup.patches.item_fronts import FOREVER, Fields, View
from lookup.patches.patch import Patch, add, statements
from lookup.release.reader import Release
from lookup.serving.replay import Replay
from lookup.serving.state import State
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND, absorbing, now
from tests.lookup.serving.test_request import fields

ITEMS = ["item-1", "item-2", "item-3", "new-0", "new-1"]
START = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def release(built: Two) -> Release:
    return Release(built.releases / built.new)


made = st.builds(
    lambda item, values, at, lasts: patch.item(
        item, values, at=START + at * SECOND, until=None if lasts is None else START + (at + lasts) * SECOND
    ),
    st.sampled_from(ITEMS),
    fields,
    st.integers(0, 20),
    st.none() | st.integers(1, 10),
)


def view(said: list[Patch], first: int = 0) -> View:
    """What an overlay gives of patches: of all, or of the items that those from `first` on are of."""
    items: dict[str, Fields] = {}
    for position, one in enumerate(said, 1):
        for statement in statements(one, position):
            fronts = items.setdefault(one.key, {})
            fronts[statement.field] = add(fronts.get(statement.field, ()), statement)
    return View({one.key: items[one.key] for one in said[first:]}, len(said), FOREVER)


def facts(state: State) -> dict[str, Any]:
    """What a state says, by ids and names, for rows and codes of new ones may differ."""
    names: dict[str, dict[int, str]] = {}
    for kind, keys in (("category", "categories"), ("brand", "brands"), ("value", "values")):
        known = getattr(state.release, keys)
        names[kind] = {code: known.id(code) for code in range(len(known))} | {
            code: text for text, code in state._codes[kind].items()
        }
    found: dict[str, Any] = {}
    for row in range(len(state.blocked)):
        if row >= state.release_items and state.record(state.id(row)) is None:
            assert state.blocked[row]
            continue
        kinds = list(state.features.values())
        features = [
            None if np.isnan(value) else names["value"][int(value)] if kind == "text" else float(value)
            for kind, value in zip(kinds, state.feature[row], strict=True)
        ]
        found[state.id(row)] = (
            state.blocked[row],
            None if np.isnan(state.price[row]) else float(state.price[row]),
            int(state.in_stock[row]),
            [names["category"][code] for code in state.category[row].tolist() if code >= 0],
            names["brand"].get(int(state.brand[row])),
            features,
            state.record(state.id(row)),
            state.item_vectors(np.array([row], dtype=np.int32)).tolist(),
            state.item_inputs(np.array([row], dtype=np.int32)).tolist(),
        )
    return found


@settings(deadline=None, max_examples=60)
@given(st.lists(made, max_size=8), st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_step_by_step_is_all_at_once(release: Release, said: list[Patch], times: list[int]) -> None:
    at = START + times[0] * SECOND
    state = State(release, view([]), at)
    before = facts(state)
    for last in range(1, len(said) + 1):
        state = state.renewed(view(said[:last], last - 1), at)
    assert facts(state) == facts(State(release, view(said), at))
    assert facts(State(release, view([]), at)) == before  # nothing was written into what others hold
    replay = Replay(release, view(said))
    for moment in times:
        then = START + moment * SECOND
        assert facts(replay.state(then)) == facts(State(release, view(said), then, ahead=0))


def test_a_replay_that_stands_still_makes_nothing_new(release: Release) -> None:
    said = [patch.item("item-1", {"price": 3.0}, at=START), patch.item("item-2", {"price": 4.0}, at=START + 9)]
    replay = Replay(release, view(said))
    first = replay.state(START)
    assert all(replay.state(START + n) is first for n in range(9))
    assert replay.state(START + 9) is not first
    assert facts(replay.state(START - 1)) == facts(State(release, view([]), START))


def test_what_is_patched_reads_as_the_night_would(release: Release) -> None:
    values = {
        "weight": "2.5", "organic": True, "colour": 7, "scent": None, "category": ["NEW", "NEWER", "NEWEST"],
        "brand": None, "price": None, "in_stock": None, "note": "not declared",
    }  # fmt: skip
    state = State(release, view([patch.item("item-2", values, at=START)]), START)
    row = state.find("item-2")
    columns = dict(zip(release.features, state.feature[row].tolist(), strict=True))
    assert (columns["weight"], columns["organic"]) == (2.5, 1.0)
    assert columns["colour"] == state.code("value", "7") >= len(release.values)
    assert np.isnan(columns["scent"])
    assert [state.code("category", name) for name in values["category"]] == state.category[row].tolist()
    assert state.brand[row] == -1
    assert np.isnan(state.price[row])
    assert state.in_stock[row] == 1
    record = state.record("item-2")
    assert record is not None
    assert record["note"] == "not declared"
    assert record["category"] == ["NEW", "NEWER", "NEWEST"]
    record["category"].append("poison")
    assert state.record("item-2")["category"] == ["NEW", "NEWER", "NEWEST"]  # type: ignore[index]
    for text in ("heavy", "nan", "inf", "12d", "0x1p3", "1_000"):
        other = State(release, view([patch.item("item-2", {"weight": text}, at=START)]), START)
        assert np.isnan(other.feature[row, list(release.features).index("weight")])


def test_what_a_release_has_absorbed_is_left_to_it(two: Two) -> None:
    said = [
        patch.item("item-2", {"price": 77.0, "hidden": True}, at=START),
        patch.item("item-2", {"brand": "Acme"}, at=START, until=now() + 3600 * SECOND),
    ]
    absorbing(two.releases / two.new, 2)
    release = Release(two.releases / two.new)
    state = State(release, view(said), now())
    row = state.find("item-2")
    # The price is the night's, which knew the patch; no night holds what is hidden, nor what ends by itself.
    assert state.record("item-2") == release.record(row) | {"brand": "Acme", "hidden": True}
    assert state.blocked[row]
    assert state.brand[row] == state.code("brand", "Acme")


def test_of_an_unknown_item_a_price_makes_no_item(release: Release) -> None:
    state = State(release, view([patch.item("new-0", {"price": 3.0, "in_stock": True}, at=START)]), START)
    assert state.find("new-0") == -1
    assert state.record("new-0") is None
    assert len(state.blocked) == state.release_items


def test_a_state_of_many_changes_is_made_anew(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.serving.state.MOST_MADE", 100)
    said: list[Patch] = []
    state = State(release, view(said), START)
    for n in range(30):
        said.append(patch.item("item-1", {"category": [f"{n} {k}" for k in range(10)]}, at=START + n))
        state = state.renewed(view(said, n), START + SECOND)
    assert state.worn
    anew = State(release, view(said), START + SECOND)
    assert not anew.worn
    assert facts(anew) == facts(state)
