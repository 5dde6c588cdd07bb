from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup import ReleaseError
from lookup.release import pointer

A, B, C = (f"2026112{n}T031500Z-000{n}" for n in (1, 2, 3))


def test_announced_and_read(tmp_path: Path) -> None:
    assert pointer.read_or_none(tmp_path) is None
    pointer.announce(tmp_path, A)
    assert pointer.read(tmp_path) == pointer.read_or_none(tmp_path) == A
    assert (tmp_path / "CURRENT").read_text() == A + "\n"
    assert [(line.id, line.what) for line in pointer.history(tmp_path)] == [(A, "publish")]
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


def test_only_ids_are_announced(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="not the id of a release"):
        pointer.announce(tmp_path, "../../etc")
    assert not (tmp_path / "CURRENT").exists()


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
    assert pointer.history(folder)[-1].id == A


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
