"""Each driver has a private folder for what Spark keeps on disk, and what dead drivers left is removed."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from jobs.infra.scratch import claim, remove_leftovers

DRIVER = """
import sys
from pathlib import Path
from jobs.infra.scratch import claim
folder = claim(Path(sys.argv[1]))
(folder / "blockmgr").mkdir()
(folder / "blockmgr" / "rows").write_text("user-1")
print(folder, flush=True)
sys.stdin.readline()
"""


def driver(parent: Path) -> tuple[subprocess.Popen, Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_for_its_driver_alone_and_goes_with_it(tmp_path: Path) -> None:
    living, folder = driver(tmp_path / "spark")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert f"-{living.pid}-" in folder.name
    assert remove_leftovers(tmp_path / "spark") == []
    living.communicate("end\n", timeout=30)
    assert list((tmp_path / "spark").iterdir()) == []


def test_what_a_killed_driver_left_is_removed_and_what_living_ones_use_stays(tmp_path: Path) -> None:
    killed, left = driver(tmp_path)
    living, used = driver(tmp_path)
    own = claim(tmp_path)
    killed.kill()
    killed.wait()
    assert (left / "blockmgr" / "rows").exists()
    assert remove_leftovers(tmp_path) == [left.name]
    assert not left.exists()
    assert (used / "blockmgr" / "rows").exists()
    assert own.exists()
    living.communicate("end\n", timeout=30)


def test_only_a_folder_with_the_name_of_one_is_a_leftover(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spark").mkdir()
    (tmp_path / "spark" / "daybreak-host-1-x").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "spark" / "a-folder-of-others").mkdir()
    (tmp_path / "spark" / "daybreak-host-1-file").touch()
    assert remove_leftovers(tmp_path / "spark") == []
    assert (tmp_path / "elsewhere").exists()
    assert len(os.listdir(tmp_path / "spark")) == 3
