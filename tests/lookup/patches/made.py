"""Patches for tests of the log, by hypothesis, and what a log says of them."""

import time
from typing import Any

from hypothesis import strategies as st

from lookup.patches import patch
from lookup.patches.patch import EVENT, FORGET, ITEM, Front, Patch, Statement
from lookup.patches.patch_log import Event, PatchLog

NOW = int(time.time() * 1e6)
times = st.integers(0, 5).map(lambda n: NOW - 1000 + n)
ends = st.none() | st.integers(1, 8).map(lambda n: NOW - 1000 + n)
names = st.sampled_from(["a", "b", "ä"])
values = st.fixed_dictionaries(
    {}, optional={"price": st.sampled_from([1.0, 2.0, None]), "in_stock": st.booleans(), "hidden": st.booleans()}
).filter(bool)


@st.composite
def some_patch(draw: st.DrawFn) -> Patch:
    """Few ids, times and values, so that they meet."""
    kind, key, at, source = draw(st.sampled_from([ITEM, ITEM, EVENT, EVENT, FORGET])), draw(names), draw(times), "s"
    if kind == ITEM:
        until = draw(ends.filter(lambda end: end is None or end > at))
        return patch.item(key, draw(values), at=at, source=draw(st.sampled_from("st")), until=until)
    if kind == EVENT:
        return patch.event(key, draw(names), "view", value=draw(st.sampled_from([None, 2.0])), at=at, source=source)
    return patch.forget(key, at=at, source=source)


def state(log: PatchLog) -> dict[str, Any]:
    """All that a log says, less the positions, which tell what came first."""
    changes = log.changes(0)
    return {
        "statements": {repr(said._replace(position=0)) for said in changes.statements},
        "forgotten": {(user.user, user.at) for user in changes.forgotten},
        "events": {user: [bare(event) for event in log.events(user, 0)] for user in changes.users},
    }


def bare(event: Event) -> Event:
    return event._replace(position=0)


def expected(all_patches: list[Patch]) -> dict[str, Any]:
    """The same, from the patches alone."""
    fronts: dict[tuple[str, str], Front] = {}
    forgotten: dict[str, int] = {}
    for one in all_patches:
        if one.kind == ITEM:
            for said in patch.statements(one):
                fronts[said.item, said.field] = patch.add(fronts.get((said.item, said.field), ()), said)
        elif one.kind == FORGET:
            forgotten[one.key] = max(one.at, forgotten.get(one.key, 0))
    events: dict[str, set[Event]] = {}
    for one in all_patches:
        if one.kind == EVENT and one.at > forgotten.get(one.key, -1):
            event = Event(one.key, one.values["item"], "view", one.at, "s", one.values["value"], 0)
            events.setdefault(one.key, set()).add(event)
    in_time = {
        user: sorted(rows, key=lambda e: (e.at, e.item, e.value is not None, e.value)) for user, rows in events.items()
    }
    return {
        "statements": {repr(said) for front in fronts.values() for said in front},
        "forgotten": set(forgotten.items()),
        "events": in_time,
    }


def value(log: PatchLog, item: str, field: str, at: int = NOW) -> Any:
    """What a log says of an item's field at a time; the text "nothing" where it says nothing."""
    said = [s for s in log.changes(0).statements if (s.item, s.field) == (item, field)]
    held: Statement | None = patch.holding(patch.front(said), at)
    return "nothing" if held is None else held.value
