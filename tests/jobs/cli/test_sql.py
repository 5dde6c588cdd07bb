"""`daybreak sql` only reads, and gets along with a person who has the catalog open for writing."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.releases.announce import announce, rollback
from lookup.release import pointer
from tests.releases import make_release
from tests.run_tables import NIGHT, Sizes

SIZES = Sizes(items=30, users=10)
CONFIG = """
[items]
files = "items.csv"
item_id = "id"
[[events]]
files = "events.csv"
user_id = "u"
item_id = "i"
time = "t"
"""
HOLDS = """
import sys
import duckdb
held = [duckdb.connect(path) for path in sys.argv[1:]]
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("shop")
    (base / "daybreak.toml").write_text(CONFIG)
    for seed in (1, 2):
        make_release(base, seed=seed, sizes=SIZES, night=NIGHT + timedelta(days=seed))
    return base


def sql(shop: Path, query: str) -> int:
    return main(["sql", query, "--config", str(shop / "daybreak.toml")])


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT * FROM users) TO '{shop}/stolen.csv'",
        "COPY (SELECT 'x') TO '{shop}/releases/CURRENT' (HEADER false)",
        "EXPORT DATABASE '{shop}/export'",
        "ATTACH '{shop}/new.duckdb' AS n",
        "ATTACH '{other}' AS o; UPDATE o.items SET title = 'x'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_text('{shop}/daybreak.toml')",
        "SELECT * FROM '{shop}/daybreak.toml'",
        "SELECT * FROM glob('{shop}/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET temp_directory = '{shop}'",
        "PRAGMA profiling_output = '{shop}/profile.json'",
        "DELETE FROM items",
        "CREATE TABLE t AS SELECT 1",
    ],
)
def test_nothing_is_written_and_no_other_file_is_read(
    shop: Path, query: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(shop)
    current = pointer.read(shop / "releases")
    other = next(path for path in (shop / "releases").glob("*Z-*") if path.name != current)
    assert sql(shop, query.format(shop=shop, other=other / "catalog.duckdb")) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("daybreak: ")
    assert everything(shop) == before


def test_no_log_of_patches_is_needed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sql(shop, "SELECT count(*) AS items FROM items") == 0
    assert "30" in capsys.readouterr().out
    assert not list((shop / "releases").glob("patches*"))


def test_somebody_who_has_the_catalogs_open_for_writing_stops_nobody(
    shop: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    releases = shop / "releases"
    old, new = pointer.stack(releases)
    catalogs = [str(releases / one / "catalog.duckdb") for one in (old, new)]
    command = [sys.executable, "-c", HOLDS, *catalogs]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as analyst:
        assert analyst.stdout is not None
        assert analyst.stdout.readline() == "held\n"
        assert sql(shop, "SELECT count(*) AS items FROM items") == 0
        assert "30" in capsys.readouterr().out
        assert f"process {analyst.pid} has it open for writing" in caplog.text
        assert "a copy is read. Whoever looks at a catalog opens it with `duckdb -readonly FILE`" in caplog.text
        assert rollback(releases) == old
        announce(releases, new)
        assert main(["verify", "--config", str(shop / "daybreak.toml")]) == 0
        analyst.communicate()
