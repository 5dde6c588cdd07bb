"""The command line, as a person uses it: what it prints and its exit codes."""

import errno
import json
import os
import re
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

import jobs.cli
from jobs.cli.main import GROUPS, app, main
from lookup.release import pointer
from tests.releases import make_release
from tests.run_tables import Sizes

TOML = '[items]\nfiles="i.csv"\nitem_id="i"\n[[events]]\nfiles="e.csv"\nuser_id="u"\nitem_id="i"\ntime="t"\n'

HELPERS = {
    *("night.options", "night.stored", "quality.options", "quality.problems", "quality.tuning", "shop.hits"),
    *("shop.patch_lines", "shop.csv_records", "shop.known", "search.where", "releases.cost_figures"),
}
"""Modules in the folders of the groups that are no command."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A configuration over a folder of two releases, and their ids, the older first."""
    folder = tmp_path_factory.mktemp("cli")
    ids = [make_release(folder, seed=day, night=date(2026, 1, day), announced=False) for day in (1, 2)]
    (folder / "daybreak.toml").write_text(TOML)
    return folder / "daybreak.toml", ids


def daybreak(shop, *words: str) -> int:
    return main([*words[:1], "--config", str(shop[0]), *words[1:]])


def test_publish_lists_and_rolls_back(shop, capsys):
    old, new = shop[1]
    assert daybreak(shop, "publish", old) == 0
    assert daybreak(shop, "publish", new) == 0
    capsys.readouterr()
    assert daybreak(shop, "releases") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("*")] == [["*", new]]
    assert len(lines) == 2
    assert daybreak(shop, "rollback") == 0
    assert capsys.readouterr().out == f"serving {old}\n"
    assert daybreak(shop, "verify") == 0
    assert f"{old}: every byte of its " in capsys.readouterr().out
    assert daybreak(shop, "rollback") == 1
    assert capsys.readouterr().err.startswith("daybreak: ")


def test_looking_inside(shop, capsys):
    assert daybreak(shop, "publish", shop[1][1]) == 0
    capsys.readouterr()
    assert daybreak(shop, "recommend", "user-1", "-k", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    item = lines[0].split()[3]
    assert daybreak(shop, "similar", item, "-k", "2") == 0
    assert capsys.readouterr().out.count("similar") == 2
    assert daybreak(shop, "similar", "no such item", "-k", "2") == 0
    assert "no item 'no such item' in release" in capsys.readouterr().err
    assert daybreak(shop, "sql", "SELECT count(*) AS rows FROM items") == 0
    assert "rows" in capsys.readouterr().out


def test_mistakes_have_one_line_and_an_exit_code(shop, tmp_path, capsys):
    assert daybreak(shop, "sql", "SELEC 1") == 1
    assert capsys.readouterr().err.startswith("daybreak: Parser Error")
    assert daybreak(shop, "publish", "20200101T000000Z-0000") == 1
    assert "there is no such release" in capsys.readouterr().err
    assert daybreak(shop, "recommend", "user-1", "-k", "0") == 2
    assert main(["releases", "--config", str(tmp_path / "none.toml")]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert daybreak(shop, "receipt", "--date", "2001-01-01") == 5
    assert "run `daybreak job" in capsys.readouterr().err
    assert daybreak(shop, "publish", "x" * 5000) == 1
    assert re.fullmatch(r"daybreak: 'x{99} is not the id of a release, such as \S+\n", capsys.readouterr().err)
    assert main(["releases", "--config", "x" * 5000]) == 2
    assert capsys.readouterr().err.endswith(": File name too long\n")
    assert daybreak(shop, "sql", "SELECT INTERVAL 99999999 YEAR") == 1
    assert daybreak(shop, "sql", "SELECT '\udcff'") == 1
    assert capsys.readouterr().err.startswith("daybreak: ")
    assert daybreak(shop, "patch", os.devnull, "--log", "postgres://me:secret@host/db") == 2
    said = capsys.readouterr().err
    assert "--password-env NAME" in said
    assert "secret" not in said
    assert daybreak(shop, "patch", os.devnull, "--log", "postgres://host/db") == 1
    assert capsys.readouterr().err.startswith(
        "daybreak: postgres://host/db: a path or a URL expected, such as redis://…@host:port/db"
    )
    assert daybreak(shop, "job", "train", "--full", "--warm-start") == 2
    assert "they do not go together" in capsys.readouterr().err


def test_an_unknown_user_is_told(shop, capsys):
    assert daybreak(shop, "publish", shop[1][1]) == 0
    capsys.readouterr()
    assert daybreak(shop, "recommend", "NOSUCHUSER", "-k", "2") == 0
    told = capsys.readouterr()
    assert told.err == "daybreak: 'NOSUCHUSER': nothing is known of this user, who gets what is popular\n"
    assert told.out.count("popular") == 2
    assert daybreak(shop, "recommend", "NOSUCHUSER", "-k", "2", "--history", "item-1") == 0
    assert daybreak(shop, "recommend", "user-1", "-k", "2") == 0
    assert capsys.readouterr().err == ""


def test_a_rollback_to_what_was_pruned_says_so(tmp_path, capsys):
    ids = [make_release(tmp_path, seed=day, night=date(2026, 1, day), sizes=Sizes(items=20, users=5)) for day in (1, 2)]
    (tmp_path / "daybreak.toml").write_text(TOML)
    given = tmp_path / "daybreak.toml", ids
    assert daybreak(given, "prune", "--keep", "1") == 0
    capsys.readouterr()
    assert daybreak(given, "rollback") == 1
    err = capsys.readouterr().err
    assert f"{ids[0]}: this release served before, and is gone" in err
    assert err.count("\n") == 1
    assert pointer.read(tmp_path / "releases") == ids[1]


def test_freshness_has_an_exit_code(shop, tmp_path, capsys):
    assert daybreak(shop, "publish", shop[1][1]) == 0
    assert daybreak(shop, "doctor", "--max-age", "1d") == 0
    assert f"release {shop[1][1]} is of the night of 2026-01-02" in capsys.readouterr().out
    assert daybreak(shop, "doctor", "--max-age", "0m") == 1
    assert "more than 0.0" in capsys.readouterr().err
    assert daybreak(shop, "doctor", "--max-age", "0m", "--json") == 1
    assert json.loads(capsys.readouterr().out)["fresh"] is False
    assert daybreak(shop, "doctor", "--max-age", "30") == 2
    (tmp_path / "daybreak.toml").write_text(TOML)
    assert main(["doctor", "--config", str(tmp_path / "daybreak.toml"), "--max-age", "30h"]) == 1
    assert "CURRENT: there is no such file" in capsys.readouterr().err


def test_an_error_of_the_system_has_one_line(shop, monkeypatch, capsys):
    def read_only(*given, **named):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("lookup.release.pointer.announce", read_only)
    assert daybreak(shop, "publish", shop[1][1]) == 2
    assert capsys.readouterr().err == "daybreak: Read-only file system\n"


def test_a_shop_without_a_release_says_how_to_make_one(tmp_path, capsys):
    (tmp_path / "daybreak.toml").write_text(
        '[items]\nfiles="i"\nitem_id="i"\n[[events]]\nfiles="e"\nuser_id="u"\nitem_id="i"\ntime="t"\n'
    )
    assert main(["releases", "--config", str(tmp_path / "daybreak.toml")]) == 0
    assert "no release in" in capsys.readouterr().out
    assert main(["recommend", "--config", str(tmp_path / "daybreak.toml"), "1"]) == 1
    assert "daybreak: " in capsys.readouterr().err


def test_help_names_every_command_in_its_group(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    panels = {
        title: set(re.findall(r"^│ ([a-z-]+) ", text, re.M))
        for title, text in re.findall(r"╭─ (.+?) ─+╮\n(.+?)╰", out, re.S)
    }
    for group, commands in GROUPS.items():
        assert panels[group] == {command.__name__.replace("_", "-") for command in commands}
    assert set().union(*(panels[group] for group in GROUPS)) >= {
        *(
            "init",
            "doctor",
            "run",
            "job",
            "releases",
            "verify",
            "publish",
            "rollback",
            "receipt",
            "recommend",
            "sql",
            "tune",
        )
    }


def test_no_command_prints_the_help(capsys):
    assert main([]) == 2
    assert "Usage: daybreak" in capsys.readouterr().out


def test_the_version_is_that_of_the_distribution(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"daybreak {version('daybreak')}\n"


def test_every_file_of_a_command_is_registered():
    folder = Path(jobs.cli.__file__).parent
    files = {".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.glob("*/*.py")}
    commands = {path for path in files if not path.endswith("__init__")} - HELPERS
    assert {f"{group.__module__.removeprefix('jobs.cli.')}" for group in registered()} == commands
    assert len(registered()) == len(commands)
    assert {command.__name__ for command in registered()} == {path.split(".")[-1] for path in commands}


def registered():
    return [info.callback for info in app.registered_commands]


def test_nothing_heavy_is_loaded_to_print_the_help():
    program = (
        "import sys, jobs.cli; code = jobs.cli.main(['--help']); print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    heavy = {
        "pyspark",
        "torch",
        "transformers",
        "polars",
        "pandas",
        "pyarrow",
        "scipy",
        "optuna",
        "sklearn",
        "implicit",
    }
    assert {"typer", "jobs"} <= loaded
    assert not loaded & heavy


def test_a_date_that_is_none_is_refused(shop, capsys):
    assert daybreak(shop, "receipt", "--date", "yesterday") == 2
    err = capsys.readouterr().err
    assert "'yesterday' is not a day; expected YYYY-MM-DD" in err
    assert err.startswith("daybreak: ")
    assert err.endswith("see `daybreak receipt --help`\n")
    assert err.count("\n") == 1


def test_a_search_without_its_packages_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "jobs.cli.quality.tuning", raising=False)
    assert main(["tune", str(tmp_path), "--preset", "sequence", "--study", str(tmp_path / "study.db")]) == 2
    assert capsys.readouterr().err == "daybreak: this command needs optuna: pip install 'daybreak[night,tune]'\n"


def test_a_command_of_the_night_without_its_packages_names_the_extra(shop, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert daybreak(shop, "run", "--date", "2026-01-03") == 2
    assert capsys.readouterr().err == "daybreak: this command needs pyspark: pip install 'daybreak[night]'\n"
