import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup import ReleaseError
from lookup.release import history, pointer

A, B, C = (f"2026112{n}T031500Z-000{n}" for n in (1, 2, 3))


def said(releases: Path) -> list[history.Announcement]:
    return history.read_history(releases).lines


def test_announced_and_read(tmp_path: Path) -> None:
    assert pointer.read_or_none(tmp_path) is None
    pointer.announce(tmp_path, A)
    assert pointer.read(tmp_path) == pointer.read_or_none(tmp_path) == A
    assert (tmp_path / "CURRENT").read_text() == A + "\n"
    assert [(line.id, line.what) for line in said(tmp_path)] == [(A, "publish")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "HISTORY"]


@pytest.mark.parametrize(
    ("text", "said"), [("", "empty"), ("\n", "empty"), ("../x\n", r"'\.\./x' found"), ("\xff", "")]
)
def test_a_bad_current_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "CURRENT").write_bytes(text.encode("latin-1"))
    with pytest.raises(ReleaseError, match=rf"CURRENT: .*{said}"):
        pointer.read(tmp_path)


def test_a_missing_current_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"CURRENT: there is no such file.*daybreak run"):
        pointer.read(tmp_path)


@pytest.mark.parametrize("text", ["../../etc", "/etc", "", ".", A + "\n", A.upper() + "/..", "٢" + A[1:]])
def test_only_ids_are_announced(tmp_path: Path, text: str) -> None:
    with pytest.raises(ReleaseError, match="not the id of a release"):
        pointer.announce(tmp_path, text)
    assert not list(tmp_path.iterdir())


def test_rollbacks_pop(tmp_path: Path) -> None:
    for release_id in (A, B, C):
        pointer.announce(tmp_path, release_id)
    for expected in (B, A):
        assert pointer.before_current(tmp_path) == expected
        pointer.announce(tmp_path, expected, "rollback")
    with pytest.raises(ReleaseError, match=f"no release was announced before {A}"):
        pointer.before_current(tmp_path)
    pointer.announce(tmp_path, C)
    assert pointer.before_current(tmp_path) == A


@settings(deadline=None)
@given(st.lists(st.sampled_from([A, B, C, "back"]), max_size=12), st.booleans())
def test_history_is_the_stack_it_stands_for(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], crash: bool
) -> None:
    folder = tmp_path_factory.mktemp("releases")
    expected: list[str] = []
    for step in steps:
        if step != "back":
            pointer.announce(folder, step)
            if not expected or expected[-1] != step:
                expected.append(step)
        elif len(expected) > 1:
            pointer.announce(folder, pointer.before_current(folder), "rollback")
            expected.pop()
    if not expected:
        return
    if crash:  # killed inside the last line of HISTORY: nobody reads half of it, and the next line is whole
        with (folder / "HISTORY").open("a") as file:
            file.write("2026-11-22T03:15:00+00:00 2026")
    assert pointer.stack(folder) == expected
    pointer.announce(folder, A)
    assert said(folder)[-1].id == A
    assert history.read_history(folder).damage is None


def test_a_crash_before_the_line_of_history(tmp_path: Path) -> None:
    pointer.announce(tmp_path, A)
    (tmp_path / "CURRENT").write_text(B + "\n")
    assert pointer.stack(tmp_path) == [A, B]
    assert pointer.before_current(tmp_path) == A


def test_all_that_was_ever_announced(tmp_path: Path) -> None:
    assert pointer.announced(tmp_path) == set()
    for release_id in (A, B):
        pointer.announce(tmp_path, release_id)
    pointer.announce(tmp_path, A, "rollback")
    assert pointer.announced(tmp_path) == {A, B}
    (tmp_path / "CURRENT").write_text(C + "\n")  # and a crash before the line of history
    assert pointer.announced(tmp_path) == {A, B, C}


def test_a_crash_before_the_line_of_a_rollback(tmp_path: Path) -> None:
    for release_id in (A, B, C):
        pointer.announce(tmp_path, release_id)
    (tmp_path / "CURRENT").write_text(B + "\n")
    assert pointer.before_current(tmp_path) == A


def test_a_lost_history(tmp_path: Path) -> None:
    pointer.announce(tmp_path, A)
    (tmp_path / "HISTORY").unlink()
    with pytest.raises(ReleaseError, match="nothing to roll back to"):
        pointer.before_current(tmp_path)


def test_a_flipped_bit_of_history_never_rolls_back_to_another_release(tmp_path: Path) -> None:
    for release_id in (A, C, B):
        pointer.announce(tmp_path, release_id)
    path = tmp_path / "HISTORY"
    raw = path.read_bytes()
    refused = []
    for place in range(0, len(raw) * 8, 5):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            assert pointer.before_current(tmp_path) == C
        except ReleaseError as error:
            refused.append(str(error))
    assert len(refused) > 200  # all but those of the first line and its checksum
    assert all("HISTORY: line" in one and "`daybreak publish ID`" in one for one in refused)


def test_lines_of_history_that_are_lost_moved_or_twice_there_are_noticed(tmp_path: Path) -> None:
    for release_id in (A, B, C):
        pointer.announce(tmp_path, release_id)
    path = tmp_path / "HISTORY"
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in ([lines[0], lines[2]], [lines[1], lines[0], lines[2]], [*lines[:2], lines[1], lines[2]]):
        path.write_bytes(b"".join(changed))
        with pytest.raises(ReleaseError, match="is damaged, or the line before it is lost"):
            pointer.before_current(tmp_path)


def test_after_a_damage_the_announcements_that_follow_are_certain(tmp_path: Path) -> None:
    for release_id in (A, B, C):
        pointer.announce(tmp_path, release_id)
    path = tmp_path / "HISTORY"
    path.write_bytes(path.read_bytes().replace(b"publish", b"qublish"))
    pointer.announce(tmp_path, B)
    with pytest.raises(ReleaseError, match=f"not certain which releases served before {B}"):
        pointer.before_current(tmp_path)
    with pytest.raises(ReleaseError, match="not certain"):
        pointer.stack(tmp_path, 2)
    pointer.announce(tmp_path, A, "rollback")  # to one below all that is certain
    with pytest.raises(ReleaseError, match="not certain"):
        pointer.before_current(tmp_path)
    pointer.announce(tmp_path, C)
    assert pointer.before_current(tmp_path) == A


def test_lines_without_a_checksum_are_read(tmp_path: Path) -> None:
    lines = [f"2026-11-2{n}T03:15:00+00:00 {release_id} publish\n" for n, release_id in enumerate((A, B))]
    (tmp_path / "HISTORY").write_text("".join(lines))
    (tmp_path / "CURRENT").write_text(B + "\n")
    assert pointer.before_current(tmp_path) == A
    pointer.announce(tmp_path, C)
    assert pointer.stack(tmp_path) == [A, B, C]
    path = tmp_path / "HISTORY"
    path.write_bytes(path.read_bytes().replace(A.encode(), C.encode()).replace(B.encode(), A.encode()))
    with pytest.raises(ReleaseError, match="not certain"):  # the line after it vouches for the last of them
        pointer.before_current(tmp_path)


def test_two_never_announce_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.release.history.WAIT_SECONDS", 0.02)
    pointer.announce(tmp_path, A)
    with (
        history.announcing(tmp_path),
        pytest.raises(ReleaseError, match=r"HISTORY: another process.* has been announcing"),
    ):
        pointer.announce(tmp_path, B)
    assert pointer.read(tmp_path) == A


def test_a_publisher_that_is_killed_leaves_the_current_of_others_whole(tmp_path: Path) -> None:
    """One writes its new CURRENT, and dies; another one announces all the while."""
    pointer.announce(tmp_path, A)
    dead = tmp_path / ".CURRENT.new"
    dead.write_text("")
    pointer.announce(tmp_path, B)
    assert pointer.read(tmp_path) == B
    assert dead.exists()  # where a file system has no locks, its writer may be at work
    os.utime(dead, (1, 1))
    pointer.announce(tmp_path, C)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "HISTORY"]


def test_a_rollback_gives_way_to_a_publication_meanwhile(tmp_path: Path) -> None:
    for release_id in (A, B, C):
        pointer.announce(tmp_path, release_id)
    with pytest.raises(ReleaseError, match=f"it names {C} now, and named {B} when this rollback began"):
        pointer.announce(tmp_path, A, "rollback", instead_of=B)
    assert pointer.read(tmp_path) == C


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pointer.announce(tmp_path, A)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("lookup.release.pointer.os.fsync", full)
        with pytest.raises(ReleaseError, match=r"CURRENT: cannot be written: No space left.*; it stays"):
            pointer.announce(tmp_path, B)
    assert pointer.read(tmp_path) == A
    with monkeypatch.context() as patched:
        patched.setattr("lookup.release.pointer.append", full)
        with pytest.raises(ReleaseError, match=f"CURRENT names {B} now, but HISTORY cannot be written"):
            pointer.announce(tmp_path, B)
    assert pointer.stack(tmp_path) == [A, B]
    (tmp_path / "HISTORY").unlink()
    (tmp_path / "HISTORY").mkdir()
    for call in (lambda: pointer.announce(tmp_path, A), lambda: pointer.stack(tmp_path)):
        with pytest.raises(ReleaseError, match=r"HISTORY: cannot be"):
            call()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "HISTORY"]
