"""What a reader makes of a log that says nothing at all."""

import threading
from pathlib import Path

import pytest

from lookup.patches.following.log_follower import LogFollower, of_readers
from lookup.patches.patch_log import Place, log_at
from lookup.release import manifest
from tests.lookup.conftest import Two
from tests.lookup.patched import wait_for


def test_opening_does_not_wait_for_a_log_that_says_nothing(
    built: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one whose host's name is being looked up, for which nobody can set a deadline."""
    log, found = log_at(tmp_path / "log.sqlite", of_readers(1.0)), threading.Event()
    place = log.place

    def slow() -> Place:
        found.wait()
        return place()

    monkeypatch.setattr(log, "place", slow)
    monkeypatch.setattr("lookup.patches.following.log_follower.FIRST_SECONDS", 0.05)
    follower = LogFollower(log, 1 << 20, 0, must_write=True)
    releases = [manifest.read(built.releases / built.new)]
    follower.read(releases)
    assert "the log has said nothing for 0.05 seconds" in str(follower.problem)
    assert follower.events("user-1", 0, 2**62) == []
    found.set()

    def well() -> bool:
        follower.read(releases)
        return follower.problem is None

    wait_for(well)
