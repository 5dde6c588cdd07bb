"""What every log does, on real files and real servers."""

import multiprocessing
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookup.errors import LogError, PatchError
from lookup.patches import patch
from lookup.patches.patch import Patch
from lookup.patches.patch_log import PatchLog, Place
from tests.lookup.patches.conftest import NewLog
from tests.lookup.patches.made import NOW, bare, expected, some_patch, state, value

many = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

OTHER = """
import sys
from lookup.patches import patch
from lookup.patches.patch_log import open_log
log = open_log(sys.argv[1])
print([(said.item, said.value) for said in log.changes(0).statements], flush=True)
input()
print([(said.item, said.value) for said in log.changes(0).statements], flush=True)
log.append([patch.event("u", "from afar", "view")])
"""


def price(item: str, amount: float, at: int = NOW, **more: int) -> Patch:
    return patch.item(item, {"price": amount}, at=at, **more)


def view(user: str, item: str, at: int = NOW) -> Patch:
    return patch.event(user, item, "view", at=at)


def test_an_empty_log(log: PatchLog) -> None:
    assert log.position() == 0
    assert log.changes(0) == type(log.changes(0))(0, [], [], {})
    assert log.append([]) == 0
    assert log.events("u", 0) == log.standing(9) == log.forgotten() == []
    assert list(log.all_events(0, 9)) == list(log.items(9)) == []
    assert log.reach(NOW) == log.prune(9, NOW) == 0


class TestOrder:
    @many
    @given(data=st.data(), given_patches=st.lists(some_patch(), max_size=12))
    def test_any_order_any_batches_and_twice_give_the_same(
        self, new_log: NewLog, data: st.DataObject, given_patches: list[Patch]
    ) -> None:
        log = new_log()
        shuffled = data.draw(st.permutations(given_patches + given_patches[: len(given_patches) // 2]))
        cut = data.draw(st.integers(0, len(shuffled)))
        log.append(shuffled[:cut])
        log.append(shuffled[cut:])
        position = log.position()
        found = state(log)
        assert found == expected(given_patches)
        assert log.append(shuffled) == position  # nothing of it is new
        assert state(log) == found

    def test_the_later_event_time_wins_not_the_later_arrival(self, log: PatchLog) -> None:
        log.append([price("a", 2, at=NOW - 1)])
        log.append([price("a", 1, at=NOW - 2)])
        assert value(log, "a", "price") == 2

    def test_what_ends_gives_way_to_what_was_said_before(self, log: PatchLog) -> None:
        log.append([price("a", 5, at=NOW - 20)])
        log.append([price("a", 3, at=NOW - 10, until=NOW)])
        assert value(log, "a", "price", NOW - 1) == 3
        assert value(log, "a", "price", NOW) == 5

    def test_of_two_sources_at_one_time_the_same_wins_always(self, log: PatchLog) -> None:
        first, second = (patch.item("a", {"price": n}, at=NOW, source=s) for n, s in ((1, "erp"), (2, "web")))
        log.append([second, first])
        assert value(log, "a", "price") == 2


class TestPositions:
    def test_rise_with_what_is_new_only(self, log: PatchLog) -> None:
        assert log.append([price("a", 1), view("u", "a")]) == 2
        assert log.append([price("a", 1), view("u", "a"), price("a", 0, at=NOW - 1)]) == 2
        assert log.append([view("u", "b")]) == log.position() == 3

    def test_changes_are_those_after_a_position(self, log: PatchLog) -> None:
        log.append([price("a", 1), view("u", "a"), patch.forget("w", at=NOW)])
        log.append([patch.item("a", {"title": "A"}, at=NOW), view("v", "a"), patch.forget("x", at=NOW)])
        later = log.changes(3)
        assert later.position == 6
        assert [(s.field, s.position) for s in later.statements] == [("title", 4)]
        assert [(gone.user, gone.position) for gone in later.forgotten] == [("x", 6)]
        assert later.users == {"v": 5}
        assert log.changes(6) == type(later)(6, [], [], {})

    def test_many_changes_come_whole(self, log: PatchLog) -> None:
        log.append([*(price(f"i{n}", n) for n in range(1500)), *(view(f"u{n}", "a") for n in range(1200))])
        changes = log.changes(0)
        assert [s.item for s in changes.statements] == [f"i{n}" for n in range(1500)]
        assert len(changes.users) == 1200
        assert sorted(event.position for event in log.all_events(1500, 2000)) == list(range(1501, 2001))
        assert sum(1 for _ in log.items(1000)) == 1000

    def test_events_of_a_user_after_a_position_by_time(self, log: PatchLog) -> None:
        log.append([view("u", "b", NOW - 1), view("v", "b"), view("u", "a", NOW - 2), view("u", "c", NOW - 3)])
        assert [(event.item, event.position) for event in log.events("u", 1)] == [("c", 4), ("a", 3)]
        assert log.events("\ud800", 0) == []

    def test_of_very_many_events_the_newest(self, log: PatchLog) -> None:
        log.append([view("u", f"i{n % 7}", NOW - (n * 37) % 3000) for n in range(3000)])
        found = log.events("u", 0, NOW - 500, 100)
        assert [event.at for event in found] == list(range(NOW - 599, NOW - 499))
        assert found == log.events("u", 0, NOW - 500)[-100:]
        assert len(log.events("u", 0)) == 3000

    def test_what_no_release_absorbs_stands(self, log: PatchLog) -> None:
        log.append([patch.item("a", {"hidden": True, "price": 1}, at=NOW), price("b", 1, until=NOW + 10**9)])
        log.append([patch.item("c", {"hidden": True}, at=NOW), patch.item("d", {"hidden": True}, at=NOW - 1)])
        log.append([patch.item("d", {"hidden": False}, at=NOW)])  # and so does nothing for d
        assert [(s.item, s.field) for s in log.standing(9)] == [("a", "hidden"), ("b", "price"), ("c", "hidden")]
        assert [(s.item, s.field) for s in log.standing(2)] == [("a", "hidden"), ("b", "price")]
        assert [(s.item, s.field) for s in log.items(3)] == [("a", "price")]

    def test_the_watermark_reaches_to_the_first_of_a_later_day(self, log: PatchLog) -> None:
        log.append([view("u", "a", NOW - 9), price("a", 1, NOW - 9), view("u", "a", NOW - 5), view("u", "a", NOW - 8)])
        assert log.reach(NOW - 5) == 2
        assert log.reach(NOW) == 4
        log.append([patch.item("b", {"hidden": True}, at=NOW), price("c", 1, NOW, until=NOW + 10**9)])
        assert log.reach(NOW) == 6  # no release absorbs these, so none waits for them
        log.append([price("a", 2, NOW)])
        assert log.reach(NOW) == 6


class TestForget:
    def test_events_up_to_then_are_gone_and_stay_gone(self, log: PatchLog) -> None:
        log.append([view("u", "a", NOW - 2), view("u", "b", NOW), view("v", "a", NOW - 2)])
        log.append([patch.forget("u", at=NOW - 1)])
        log.append([view("u", "a", NOW - 2), view("u", "c", NOW - 1)])
        assert [event.item for event in log.events("u", 0)] == ["b"]
        assert log.changes(0).users == {"u": 2, "v": 3}
        assert [(gone.user, gone.at) for gone in log.forgotten()] == [("u", NOW - 1)]

    def test_the_last_time_counts(self, log: PatchLog) -> None:
        log.append([patch.forget("u", at=NOW - 1)])
        assert log.append([patch.forget("u", at=NOW - 5)]) == 1
        assert log.append([patch.forget("u", at=NOW)]) == 2
        assert log.changes(1).forgotten == log.forgotten()
        assert [tuple(gone) for gone in log.forgotten()] == [("u", NOW, 2)]


class TestPrune:
    def test_old_absorbed_events_and_what_has_ended_go(self, log: PatchLog) -> None:
        old = [view("u", "a", NOW - 9), view("u", "b", NOW - 8), price("a", 1, NOW - 9, until=NOW - 8)]
        log.append([*old, price("b", 1, NOW - 9), patch.forget("v", at=NOW - 9), view("u", "c", NOW - 9)])
        assert log.prune(5, NOW - 7) == 3
        assert [event.item for event in log.events("u", 0)] == ["c"]  # not absorbed
        assert [s.item for s in log.changes(0).statements] == ["b"]
        assert log.standing(9) == []
        assert [gone.user for gone in log.forgotten()] == ["v"]
        assert log.prune(5, NOW - 7) == 0

    def test_what_went_counts_as_known(self, log: PatchLog) -> None:
        log.append([view("u", "a", NOW - 9), view("v", "a", NOW - 9)])
        log.prune(2, NOW - 5)
        assert log.append([view("u", "a", NOW - 9), view("u", "a", NOW - 5)]) == 3
        assert [event.at for event in log.events("u", 0)] == [NOW - 5]
        assert log.changes(0).users == {"u": 3}

    def test_the_watermark_decides(self, log: PatchLog) -> None:
        log.append([view("u", "a", NOW - 9)])
        assert log.prune(0, NOW) == 0
        assert len(log.events("u", 0)) == 1


class TestWhole:
    def test_a_bad_patch_keeps_the_others_out(self, log: PatchLog) -> None:
        bogus = Patch("item", "a", NOW, "s", None, {"price": float("nan")})
        with pytest.raises(PatchError, match="price is not finite"):
            log.append([price("a", 1), bogus])
        assert log.position() == 0
        assert state(log) == expected([])

    def test_any_text_comes_back(self, log: PatchLog) -> None:
        odd = ["\0", 'a"b\\', "ab:c d", "🜚\n1", "{1}", "-1", "x" * 1000]
        log.append([patch.item(text, {text: text, "category": odd}, at=NOW, source=text) for text in odd])
        log.append([patch.event(text, text, text, value=0.1, at=NOW, source=text) for text in odd])
        log.append([patch.forget(text + "!" if len(text) < 9 else "z", at=NOW) for text in odd])
        said = log.changes(0).statements
        assert [s.value for s in said if s.item == s.field] == odd
        assert [s.value for s in said if s.field == "category"] == [odd] * len(odd)
        for text in odd:
            (event,) = log.events(text, 0)
            assert bare(event) == (text, text, text, NOW, text, 0.1, 0)
        assert len(log.forgotten()) == len(odd)


class TestFuzz:
    @many
    @given(
        st.lists(
            st.tuples(st.text(), st.dictionaries(st.text(), st.none() | st.booleans() | st.floats() | st.text())),
            max_size=5,
        )
    )
    def test_what_was_not_refused_is_read_back(self, new_log: NewLog, rows: list[tuple[str, dict[str, Any]]]) -> None:
        log = new_log()
        kept: dict[tuple[str, str], Any] = {}
        for key, values in rows:
            try:
                made = patch.item(key, values, at=NOW, source=key)
            except PatchError:
                continue
            log.append([made, patch.event(key, key, key, value=1e308, at=NOW, source=key)])
            for said in patch.statements(made):
                front = patch.add(kept.get((made.key, said.field), ()), said)
                kept[made.key, said.field] = front
            assert {event.item for event in log.events(made.key, 0)} == {made.key}
        found = {(s.item, s.field): repr(s._replace(position=0)) for s in log.changes(0).statements}
        assert found == {place: repr(front[0]) for place, front in kept.items()}


class TestShared:
    def test_another_process_sees_it_and_is_seen(self, log: PatchLog) -> None:
        log.append([price("a", 1)])
        with subprocess.Popen(
            [sys.executable, "-c", OTHER, log.where], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdin
            assert other.stdout
            assert other.stdout.readline() == "[('a', 1.0)]\n"
            log.append([price("b", 2)])
            other.stdin.write("look\n")
            other.stdin.flush()
            assert other.stdout.readline() == "[('a', 1.0), ('b', 2.0)]\n"
        assert other.returncode == 0
        assert [event.item for event in log.events("u", 0)] == ["from afar"]

    def test_threads_and_a_forked_child_write_side_by_side(self, log: PatchLog) -> None:
        log.append([view("u", "first")])
        wrong: list[BaseException] = []

        def write(name: str) -> None:
            try:
                for n in range(5):
                    log.append([view("u", f"{name}{n}"), price("shared", n, at=NOW - ord(name) * 10 + n)])
                    log.events("u", 0)
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
        child = multiprocessing.get_context("fork").Process(target=write, args=("d",))
        child.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        child.join()
        assert not wrong
        assert child.exitcode == 0
        found = log.events("u", 0)
        assert {event.item for event in found} == {"first", *(f"{name}{n}" for name in "abcd" for n in range(5))}
        assert len({event.position for event in found}) == 21
        assert value(log, "shared", "price") == 4
        assert len(log.changes(0).statements) == 1


class TestAhead:
    """A writer's clock was a day ahead, for three patches."""

    LATER = 24 * 3600 * 1_000_000

    def wrong(self, log: PatchLog, monkeypatch: pytest.MonkeyPatch) -> None:
        at = NOW + self.LATER
        with monkeypatch.context() as clock:
            clock.setattr(patch, "time", lambda: (NOW + self.LATER) / 1e6)
            clock.setattr("lookup.patches.redis_log.AHEAD", 10 * self.LATER, raising=False)  # an earlier Daybreak
            log.append([price("a", 99, at), patch.forget("u", at=at), view("v", "a", at)])

    def test_it_counts_for_nothing(self, log: PatchLog, monkeypatch: pytest.MonkeyPatch) -> None:
        log.append([price("a", 1, NOW - 50), view("u", "a", NOW - 50)])
        self.wrong(log, monkeypatch)
        last = log.append([price("a", 2, NOW - 10), *(view("u", f"i{n}", NOW - n) for n in range(5))])
        assert [(said.item, said.value) for said in log.items(last)] == [("a", 2.0)]
        assert len(log.events("u", 0)) == 5
        assert {(event.user, event.item) for event in log.all_events(0, last)} == {("u", f"i{n}") for n in range(5)}
        assert log.forgotten() == []
        assert log.reach(NOW + 1) == last
        assert log.append([price("a", 1.5, NOW - 20)]) == last  # older than what holds

    def test_it_is_found_and_removed(self, log: PatchLog, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wrong(log, monkeypatch)
        log.append([view("u", "b", NOW - 5), price("c", 1)])
        ahead = log.ahead()
        assert sorted(one.kind for one in ahead) == ["event", "forget", "item"]
        assert {one.at for one in ahead} == {NOW + self.LATER}
        assert log.remove_ahead() == 3
        assert log.ahead() == []
        assert log.remove_ahead() == 0
        assert [(one.user, one.at) for one in log.forgotten()] == [("u", NOW - 6)]  # before what came since
        assert [event.item for event in log.events("u", 0)] == ["b"]
        assert {said.item for said in log.changes(0).statements} == {"c"}

    def test_a_far_future_is_refused(self, log: PatchLog, monkeypatch: pytest.MonkeyPatch) -> None:
        last = log.append([price("a", 1)])
        years = 3650 * self.LATER
        for _ in range(2):  # the first one does not move what the second is held against
            with monkeypatch.context() as clock:
                clock.setattr(patch, "time", lambda: (NOW + years) / 1e6)
                with pytest.raises(LogError, match=r"a patch is of 203\d-.*clock"):
                    log.append([price("a", 99, NOW + years), patch.forget("u", at=NOW + years)])
                log.append([price("a", 0.5, NOW - 9)])  # an old one is none of the clock's business
        assert log.position() == last
        assert [(said.item, said.value) for said in log.items(last)] == [("a", 1.0)]
        assert log.append([price("a", 2, NOW + 1)]) == last + 1


def test_the_files_are_written_anew(log: PatchLog) -> None:
    log.append([view("u", "a"), patch.forget("u")])
    assert log.compact() is None
    assert [one.user for one in log.forgotten()] == ["u"]


class TestIdentity:
    def test_a_log_gets_its_id_with_the_first_patch(self, log: PatchLog) -> None:
        assert (log.place(), log.identity().id, log.passed(Place())) == (Place(), "", True)
        log.append([price("a", 1)])
        place, known = log.place(), log.identity()
        assert (place.log, place.position) == (known.id, 1)
        assert known.id
        assert place.mark
        assert NOW <= known.created <= time.time_ns() // 1000
        log.append([price("a", 1)])  # nothing new
        assert log.place() == place

    def test_it_passed_its_own_places_and_no_others(self, new_log: NewLog) -> None:
        log = new_log()
        places = []
        for n in range(3):
            log.append([price("a", n, NOW + n), view("u", f"{n}")])
            places.append(log.place())
        assert all(map(log.passed, places))
        assert not log.passed(places[1]._replace(mark="of a copy that went on by itself"))
        other = new_log()
        other.append([price("a", n, NOW + n) for n in range(9)])
        assert not any(map(other.passed, places))
        assert other.passed(Place())

    def test_it_forgets_old_marks_and_then_cannot_tell(self, log: PatchLog, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("stores.sqlite_marks", "stores.redis_marks", "redis_log"):
            monkeypatch.setattr(f"lookup.patches.{module}.MARKS", 3)
        places = []
        for n in range(6):
            log.append([price("a", n, NOW + n)])
            places.append(log.place())
            log.absorb(n)
        assert all(map(log.passed, places))
        assert log.passed(places[0]._replace(mark="?"))
        assert not log.passed(places[4]._replace(mark="?"))
        assert sorted(one.position for one in log.identity().absorbed.values()) == list(range(6))

    def test_a_night_leaves_its_mark(self, log: PatchLog) -> None:
        log.append([price("a", 1)])
        place, mark = log.place(), log.absorb(1)
        assert log.identity().absorbed[mark].position == 1
        assert NOW <= log.identity().absorbed[mark].at <= time.time_ns() // 1000
        assert log.place() == place
        assert log.fault() is None
        assert log.damage() is None
