"""What prune removes and what it leaves, with real readers in other processes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import lookup
from jobs.cli.main import main
from jobs.errors import ConfigError
from jobs.releases.announce import releases as listed
from jobs.releases.prune import Outcome, prune
from lookup import ReleaseError
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from lookup.release import pointer
from lookup.release.locks import LOCKED_FILE, open_locked
from lookup.sealed import sealed
from lookup.travel.removal import PRUNING
from tests.lookup.marked import copy, id_of
from tests.releases import make_release

CONFIG = '[items]\nfiles = "i"\nitem_id = "i"\n[[events]]\nfiles = "e"\nuser_id = "u"\nitem_id = "i"\ntime = "t"\n'
READER = """
import os, sys
import lookup
from lookup.sealed import sealed
shop = lookup.open(sys.argv[1], pin=sys.argv[2])
if sys.argv[3:] and os.fork():
    os._exit(0)  # the child, which a fork made, reads on
print(os.getpid(), flush=True)
sys.stdin.read()
shop.recommend("user-1")
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("shop")
    return base / "releases" / make_release(base)


@pytest.fixture
def six(source: Path, tmp_path: Path) -> Path:
    """Six releases, announced one after the other."""
    folder = tmp_path / "releases"
    folder.mkdir()
    for n in range(1, 7):
        pointer.announce(folder, copy(source, folder, n))
    return folder


def ids(*numbers: int) -> set[str]:
    return {id_of(n) for n in numbers}


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir()}


def removed(outcomes: Iterator[Outcome]) -> list[str]:
    return [outcome.id for outcome in outcomes if outcome.why is None]


@contextmanager
def reader(folder: Path, release_id: str, *forked: str) -> Iterator[int]:
    """A process that has pinned a release; its id."""
    command = [sys.executable, "-c", READER, str(folder), release_id, *forked]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    try:
        yield pid
    finally:
        process.communicate("")


def test_the_newest_of_the_stack_stay(six: Path) -> None:
    outcomes = list(prune(six))
    assert outcomes == [Outcome(release_id, outcomes[0].bytes) for release_id in sorted(ids(1, 2, 3))]
    assert outcomes[0].bytes == sum(p.stat().st_size for p in (six / id_of(6)).rglob("*") if p.is_file())
    assert there(six) == ids(4, 5, 6)
    assert [row.id for row in listed(six) if row.problem is None] == sorted(ids(4, 5, 6), reverse=True)
    assert list(prune(six)) == []


def test_after_a_rollback_what_it_left_goes(six: Path) -> None:
    pointer.announce(six, id_of(5), "rollback")
    pointer.announce(six, id_of(4), "rollback")
    assert removed(prune(six, keep=2)) == sorted(ids(1, 2, 5, 6))
    assert pointer.before_current(six) == id_of(3)
    assert lookup.open(six).release.id == id_of(4)


def test_what_is_not_published_yet_stays(six: Path, source: Path) -> None:
    copy(source, six, 7)
    pointer.announce(six, copy(source, six, 9))
    copy(source, six, 8)  # passed over
    copy(source, six, 10)
    assert set(removed(prune(six, keep=1))) == ids(*range(1, 9))
    assert there(six) == ids(9, 10)


def test_spared(six: Path) -> None:
    assert set(removed(prune(six, keep=1, spare=[id_of(2)]))) == ids(1, 3, 4, 5)


def test_a_dry_run_removes_nothing(six: Path) -> None:
    with reader(six, id_of(2)) as pid:
        outcomes = {outcome.id: outcome.why for outcome in prune(six, keep=4, dry_run=True)}
    assert outcomes == {id_of(1): None, id_of(2): f"process {pid} read it"}
    assert there(six) == ids(*range(1, 7))


def test_what_readers_hold_stays_until_they_end(six: Path) -> None:
    with reader(six, id_of(1)) as one, reader(six, id_of(1)) as two, reader(six, id_of(2)) as three:
        outcomes = {outcome.id: outcome.why for outcome in prune(six, keep=2)}
        both = ", ".join(map(str, sorted([one, two])))
        assert outcomes == {
            id_of(1): f"processes {both} read it",
            id_of(2): f"process {three} read it",
            id_of(3): None,
            id_of(4): None,
        }
        os.kill(three, signal.SIGKILL)
        os.waitpid(three, 0)
        assert removed(prune(six, keep=2)) == [id_of(2)]
    assert removed(prune(six, keep=2)) == [id_of(1)]


def test_a_forked_child_holds_what_its_parent_had(six: Path) -> None:
    with reader(six, id_of(1), "forked"):
        assert removed(prune(six, keep=5)) == []
    assert removed(prune(six, keep=5)) == [id_of(1)]


def test_a_reader_that_moved_on_lets_go(six: Path) -> None:
    shop = lookup.open(six)
    pointer.announce(six, id_of(1))
    assert removed(prune(six, keep=1)) == sorted(ids(2, 3, 4, 5))
    shop._live.look()
    shop._live.look()
    assert removed(prune(six, keep=1)) == [id_of(6)]
    assert shop.recommend("user-1")


def test_readers_open_nothing_for_writing(six: Path) -> None:
    """So that they need no right to write, and a file system that is read-only will do."""
    with reader(six, id_of(1)) as pid:
        found = [path for path in Path(f"/proc/{pid}/fd").iterdir() if str(six) in os.readlink(path)]
        flags = [Path(f"/proc/{pid}/fdinfo/{path.name}").read_text().split()[3] for path in found]
    assert len(found) > 2
    assert {int(octal, 8) & os.O_ACCMODE for octal in flags} == {os.O_RDONLY}


def test_opening_while_it_is_removed(six: Path) -> None:
    """A release is opened whole, or refused with an error that says it, or that it is gone."""
    seen, said, go = [], [], threading.Event()
    expected = open_locked(six, id_of(1)).user_topk.top(0, 10)

    def read() -> None:
        seen.append(open_locked(six, id_of(1)).user_topk.top(0, 10))
        go.wait()
        while True:
            try:
                seen.append(open_locked(six, id_of(1)).user_topk.top(0, 10))
            except ReleaseError as error:
                said.append(str(error))
                if "there is no such release" in str(error):
                    return

    def remove() -> None:
        go.set()
        while not removed(prune(six, keep=5)):
            pass

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(read), pool.submit(read), pool.submit(remove)]:
            done.result()
    assert len(seen) >= 2
    assert all(answer == expected for answer in seen)
    assert all("`daybreak prune`" in text or "no such release" in text for text in said)


def test_it_is_being_removed(six: Path) -> None:
    import fcntl

    with (six / id_of(6) / LOCKED_FILE).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ReleaseError, match="it is being removed by `daybreak prune`"):
            lookup.open(six)
    assert lookup.open(six).release.id == id_of(6)


def test_announced_in_the_last_moment(six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = prune(six, keep=5)
    monkeypatch.setattr("lookup.travel.prune.size_of", lambda folder: pointer.announce(six, id_of(1)) or 0)
    assert next(outcomes) == Outcome(id_of(1), 0, "it was announced meanwhile")


def test_an_interrupted_prune_leaves_nothing_half(six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            list(prune(six, keep=4))
    (six / f"{PRUNING}{id_of(1)}" / "manifest.json").unlink()
    assert [row.id for row in listed(six)] == sorted(ids(2, 3, 4, 5, 6), reverse=True)
    assert removed(prune(six, keep=4)) == [id_of(2)]
    assert there(six) == ids(3, 4, 5, 6)


def test_a_damaged_release_is_removed(six: Path) -> None:
    shutil.rmtree(six / id_of(1) / "arrays")
    (six / id_of(2) / "manifest.json").unlink()
    assert removed(prune(six, keep=4)) == sorted(ids(1, 2))


def test_what_cannot_be(six: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--keep must be 1 or more"):
        list(prune(six, keep=0))
    (six / "CURRENT").write_text("nonsense")
    with pytest.raises(ReleaseError, match="CURRENT"):
        list(prune(six))
    assert there(six) == ids(*range(1, 7))


def test_the_command(six: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "daybreak.toml"
    config.write_text(CONFIG)
    line = ["prune", "--keep", "4", "--config", str(config)]
    with reader(six, id_of(2)) as pid:
        assert main([*line, "--dry-run"]) == 0
        said = capsys.readouterr().out.splitlines()
        size = said[0].split("  ")[1]
        assert said[0].startswith(f"{id_of(1)}  {size}  would be removed")
        assert re.fullmatch(r"[1-9]\.\d MB", size)
        assert said[1].endswith(f"left: process {pid} read it")
        assert said[2] == f"1 release would be removed, {size}"
        assert main(line) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"1 release removed, {size}"
    assert there(six) == ids(2, 3, 4, 5, 6)
    assert main([*line[:2], "0", *line[3:]]) == 2


def test_the_log_keeps_what_a_release_has_not_absorbed(
    six: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_log(six)) as log:
        for day in (1, 2, 3):
            log.append([patch.event("u", f"item-{day}", "purchase", at=datetime(2026, 11, day, tzinfo=UTC))])
        for n, absorbed in ((5, 2), (6, 3)):
            path = six / id_of(n) / "manifest.json"
            path.write_text(sealed(json.loads(path.read_text()) | {"patches_until": absorbed}))
        config = tmp_path / "daybreak.toml"
        config.write_text(CONFIG)
        line = ["prune", "--keep", "2", "--config", str(config), "--log-before"]
        assert main([*line, "2026-11-02"]) == 0
        assert [one.item for one in log.events("u", 0)] == ["item-2", "item-3"]
        assert capsys.readouterr().out.splitlines()[-1] == f"1 rows removed from the log {six / 'patches.sqlite'}"
        assert main([*line, "2026-11-20"]) == 0  # release 5 goes on counting what came after position 2
        assert [one.item for one in log.events("u", 0)] == ["item-3"]


def test_old_runs_go_where_they_are_asked_for(six: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "daybreak.toml"
    config.write_text(CONFIG)
    for day in ("2026-11-01", "2026-11-02", "2026-11-03"):
        (tmp_path / "work" / "runs" / day / "items").mkdir(parents=True)
    line = ["prune", "--config", str(config)]
    assert main([*line, "--dry-run", "--runs", "1"]) == 2
    assert "--dry-run removes nothing and --runs does" in capsys.readouterr().err
    assert main(line) == 0
    assert len(list((tmp_path / "work" / "runs").iterdir())) == 3
    assert main([*line, "--runs", "1"]) == 0
    assert [path.name for path in (tmp_path / "work" / "runs").iterdir()] == ["2026-11-03"]
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 runs removed, ")
