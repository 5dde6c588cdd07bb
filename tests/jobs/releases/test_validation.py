"""Only what `validate` passed, or what a person overrode by name, is announced: by no door anything else."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.config.config import Override
from jobs.errors import ValidationError
from jobs.releases.announce import announce, releases, rollback
from jobs.releases.validation import verdict_record
from lookup import ReleaseError
from lookup.experiments.arms import Arms
from lookup.release import manifest, pointer
from lookup.release.validation import BROKEN, HELD
from tests.releases import make_release
from tests.run_tables import NIGHT, Sizes

WHY = {"name": "items that can be shown", "found": "0 of 30", "expected": "2 or more"}
CONFIG = '[items]\nfiles="i"\nitem_id="i"\n[[events]]\nfiles="e"\nuser_id="u"\nitem_id="i"\ntime="t"\n'


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    base = tmp_path_factory.mktemp("held")
    sizes = Sizes(items=30, users=5)
    ids = [make_release(base, n, sizes, NIGHT + timedelta(days=n), announced=False) for n in range(2)]
    return base / "releases", ids


@pytest.fixture
def folder(two: tuple[Path, list[str]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(two[0], tmp_path / "releases"))


@pytest.fixture
def ids(two: tuple[Path, list[str]]) -> list[str]:
    return two[1]


def judge(folder: Path, release_id: str, verdict: str | None) -> None:
    """Write a verdict into a release; None: it comes from a Daybreak that kept none."""
    made = manifest.read(folder / release_id)
    record = None if verdict is None else verdict_record(made, verdict, [WHY])
    replace(made, validation=record, override=None).write(folder / release_id)


@pytest.mark.parametrize("verdict", [HELD, BROKEN])
def test_a_held_release_is_announced_by_no_door(folder: Path, ids: list[str], verdict: str) -> None:
    announce(folder, ids[0])
    announce(folder, ids[1])
    judge(folder, ids[0], verdict)
    doors: list[Callable[[], object]] = [lambda: announce(folder, ids[0]), lambda: rollback(folder)]
    for door in doors:
        with pytest.raises(ValidationError, match="items that can be shown: 0 of 30 found, 2 or more expected") as told:
            door()
        assert ("--override" in str(told.value)) == (verdict == HELD)
    with pytest.raises(ReleaseError, match=f"{ids[0]} cannot be an arm, for `validate` holds it: items that can"):
        Arms(folder, {"a": ids[0], "b": ids[1]}, "test")
    assert pointer.read(folder) == ids[1]
    (row,) = (row for row in releases(folder) if row.id == ids[0])
    assert "HELD: items that can be shown: 0 of 30 found" in str(row)


def test_an_override_belongs_to_the_release(folder: Path, ids: list[str]) -> None:
    judge(folder, ids[0], HELD)
    announce(folder, ids[0], Override("Ada", "the warehouse moves"))
    kept = manifest.read(folder / ids[0]).override
    assert kept is not None
    assert (kept["by"], kept["reason"], kept["overridden"]) == ("Ada", "the warehouse moves", [WHY])
    announce(folder, ids[1])
    assert rollback(folder) == ids[0]  # without another override
    Arms(folder, {"a": ids[0], "b": ids[1]}, "test")
    (row,) = (row for row in releases(folder) if row.id == ids[0])
    assert "overridden by Ada: the warehouse moves" in str(row)
    announce(folder, ids[1], Override("Grace"))  # which passed, so nothing is noted
    assert manifest.read(folder / ids[1]).override is None
    judge(folder, ids[1], BROKEN)
    with pytest.raises(ValidationError, match="nobody can override that"):
        announce(folder, ids[1], Override("Ada"))
    assert manifest.read(folder / ids[1]).override is None


def test_a_release_without_a_verdict_is_announced_only_where_it_served_before(folder: Path, ids: list[str]) -> None:
    for release_id in ids:
        judge(folder, release_id, None)
    with pytest.raises(ValidationError, match="`validate` has not checked it"):
        announce(folder, ids[0])
    pointer.announce(folder, ids[0])  # by an older Daybreak
    pointer.announce(folder, ids[1])
    assert rollback(folder) == ids[0]
    announce(folder, ids[1])


def test_a_verdict_is_of_the_files_that_it_has_seen(folder: Path, ids: list[str]) -> None:
    """The manifest of one release with the verdict of another."""
    passed = manifest.read(folder / ids[1]).validation
    made = manifest.read(folder / ids[0])
    replace(made, validation=passed).write(folder / ids[0])
    with pytest.raises(ValidationError, match="`validate` has not checked it"):
        announce(folder, ids[0])
    replace(made, validation={"verdict": "fine"}).write(folder / ids[0])
    with pytest.raises(ReleaseError, match="verdict"):
        announce(folder, ids[0])


def test_the_command_line(folder: Path, ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "my shop.toml"
    config.write_text(CONFIG)
    judge(folder, ids[1], HELD)
    where = ["--config", str(config)]
    assert main(["publish", ids[1], *where]) == ValidationError.exit_code
    assert (
        f"`daybreak publish {ids[1]} --config '{config}' --override YOUR-NAME --reason WHY`" in capsys.readouterr().err
    )
    assert main(["releases", "--json", *where]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["release"]: row["held"] is None for row in rows} == {ids[1]: False, ids[0]: True}
    assert main(["publish", ids[1], *where, "--override", "Ada", "--reason", "I know"]) == 0
    assert pointer.read(folder) == ids[1]
