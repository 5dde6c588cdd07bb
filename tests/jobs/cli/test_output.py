"""What commands print, on a terminal, in a pipe and as JSON; the shop's text is data in all of them."""

import json
import math
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.cli.output import TextTable, escaped, said, show, show_csv, show_json
from tests.releases import make_release

EVIL = "[bold]Mug[/bold] \x1b[31mred\x07\nnext\u2028line \u202eback \ud800"
SAFE = "[bold]Mug[/bold] \\x1b[31mred\\x07\\nnext\\u2028line \\u202eback \\ud800"
TABLE = TextTable(("item", "price"), [("A1", "9.50"), (EVIL, "1,200.00")], right=("price",))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A configuration over a folder with one release, which is served."""
    folder = tmp_path_factory.mktemp("output")
    make_release(folder, night=date(2026, 1, 1))
    (folder / "daybreak.toml").write_text(
        '[items]\nfiles="i.csv"\nitem_id="i"\n[[events]]\nfiles="e.csv"\nuser_id="u"\nitem_id="i"\ntime="t"\n'
    )
    return str(folder / "daybreak.toml")


def drawn(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The table as a terminal of some columns gets it, without colours."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    show(TABLE)
    return re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)


def test_control_characters_are_escaped() -> None:
    assert escaped(EVIL) == SAFE
    assert escaped("größe · ½ ☕ 日本") == "größe · ½ ☕ 日本"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-5 %", "'-5 %"),
        ("@SUM(A1:A9)", "'@SUM(A1:A9)"),
        (" =1+1", "' =1+1"),
        ("\t=1+1", "\\t=1+1"),
        ("\r=1+1", "\\r=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("tea, green", '"tea, green"'),
        ("\x1b[2J", "\\x1b[2J"),
        (-5, "-5"),
        (Decimal("-0.50"), "-0.50"),
        (True, "true"),
        (None, ""),
        (["=a", 1], '"[""=a"", 1]"'),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_no_cell_of_csv_is_a_formula(text: object, cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_csv(["=head", "b"], [[text, 1]])
    assert capsys.readouterr().out == f"'=head,b\n{cell},1\n"


def test_sql_prints_csv(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT '=1+1' AS title, -1 AS n UNION ALL SELECT 'b', n FROM range(200) t(n) ORDER BY n"
    assert main(["sql", "--config", config, "--csv", query]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["title,n", "'=1+1,-1"]
    assert len(lines) == 202


def test_every_line_of_a_message_says_who_speaks() -> None:
    """A text of the shop in a message cannot pass for a line of the log."""
    assert said("title 'a\nb\x1b[0m' is\nwrong") == "daybreak: title 'a\ndaybreak: b\\x1b[0m' is\ndaybreak: wrong"


def test_a_pipe_gets_plain_lines_that_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show(TABLE)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "item".ljust(len(SAFE)) + "     price"
    assert first == "A1".ljust(len(SAFE)) + "      9.50"
    assert second == SAFE + "  1,200.00"


def test_a_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = drawn(100, monkeypatch, capsys)
    assert f" {SAFE} " in out.replace("\n", " \n")
    assert "\x1b" not in out
    assert "─" in out


@pytest.mark.parametrize("width", [20, 36, 60])
def test_a_narrow_terminal_folds_and_cuts_nothing(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = drawn(width, monkeypatch, capsys)
    assert "…" not in out
    assert "1,200.00" in out
    folded = "".join(out.split()).replace("1,200.00", "")
    assert SAFE.replace(" ", "") in folded
    assert max(map(len, out.splitlines())) <= max(width, 39)


def test_many_columns_keep_their_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    names = [f"metric {n}" for n in range(12)]
    show(TextTable(["set", *names], [["a-shop", *(f"0.{n:04}" for n in range(12))]], right=names))
    head, _, row = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert all(name in head for name in names)
    assert row.split() == ["a-shop", *(f"0.{n:04}" for n in range(12))]


def test_json_knows_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    show_json(
        [
            {
                "b": math.nan,
                "a": [Decimal("1.5"), {1: date(2026, 1, 2)}],
                "c": b"\x01",
                "d": datetime(2026, 1, 2, tzinfo=UTC),
            }
        ]
    )
    out = capsys.readouterr().out
    assert out == '{"a": [1.5, {"1": "2026-01-02"}], "b": null, "c": "01", "d": "2026-01-02T00:00:00+00:00"}\n'


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict]:
    assert main([*words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_programs_read_json(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    (release,) = rows(capsys, "releases", "--config", config)
    assert release == {**release, "current": True, "date": "2026-01-01", "items": 60, "users": 40, "problem": None}
    (verified,) = rows(capsys, "verify", "--config", config)
    folder = Path(config).parent / "releases" / release["release"]
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    assert verified["release"] == release["release"]
    assert verified["files"] <= len(files)
    assert verified["bytes"] > 0
    hits = rows(capsys, "recommend", "user-1", "-k", "3", "--config", config)
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert set(hits[0]) == {"rank", "item_id", "score", "source", "group", "variants", "title"}
    assert len(rows(capsys, "similar", hits[0]["item_id"], "-k", "2", "--config", config)) == 2
    assert rows(capsys, "prune", "--dry-run", "--config", config) == []


def test_sql_prints_a_hundred_rows_and_json_all(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT range AS n, [range / 2, NULL] AS list, NULL AS none FROM range(20000)"
    assert main(["sql", query, "--config", config]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split() for line in lines[:2]] == [["n", "list", "none"], ["0", "[0.0,", "NULL]", "NULL"]]
    assert len(lines) == 101
    assert "--json and --csv print all" in err
    found = rows(capsys, "sql", query, "--config", config)
    assert len(found) == 20000
    assert found[3] == {"n": 3, "list": [1.5, None], "none": None}
    assert main(["sql", "SELECT 1 AS a, 2 AS a", "--json", "--config", config]) == 1
    assert "two columns are called 'a'" in capsys.readouterr().err
    assert main(["sql", "SELECT CAST(title AS INTEGER) FROM items", "--config", config]) == 1
    assert capsys.readouterr().err.startswith("daybreak: Conversion Error")


def test_a_damaged_release_fails_verification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release = make_release(tmp_path, night=date(2026, 1, 1))
    (tmp_path / "daybreak.toml").write_text(
        '[items]\nfiles="i.csv"\nitem_id="i"\n[[events]]\nfiles="e.csv"\nuser_id="u"\nitem_id="i"\ntime="t"\n'
    )
    array = tmp_path / "releases" / release / "arrays" / "item_vector.npy"
    damaged = bytearray(array.read_bytes())
    damaged[-1] ^= 1
    array.write_bytes(damaged)
    capsys.readouterr()
    assert main(["verify", "--config", str(tmp_path / "daybreak.toml")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{array}: damaged: sha256 is " in err


def test_a_real_terminal_gets_tables_and_a_pipe_gets_lines(config: str) -> None:
    command = [sys.executable, "-m", "jobs.cli", "releases", "--config", config]
    leader, follower = pty.openpty()
    with subprocess.Popen(command, stdout=follower, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(follower)
        seen = b""
        try:
            while more := os.read(leader, 65536):
                seen += more
        except OSError:  # the terminal is closed at the other end
            pass
        assert process.wait() == 0
    os.close(leader)
    assert "─" in seen.decode()
    assert "night of 2026-01-01" not in seen.decode()
    piped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"\* \S+  night of 2026-01-01, 60 items, 40 users\n", piped)


def test_a_reader_that_leaves_early_is_no_error(config: str) -> None:
    command = [sys.executable, "-m", "jobs.cli", "sql", "SELECT * FROM range(300000)", "--json", "--config", config]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("redirected", "code", "out", "err"),
    [
        ("", 0, "gr\\xf6\\xdfe", ""),  # the encoding lacks these letters
        (">&-", 0, "", ""),
        ("2>&-", 0, "gr\\xf6\\xdfe", ""),
        ("> /dev/full", 2, "", "daybreak: No space left on device\n"),
    ],
)
def test_every_kind_of_stream_is_fit(config: str, redirected: str, code: int, out: str, err: str) -> None:
    command = f'"$0" -m jobs.cli sql "SELECT \'größe\' AS word" --config "$1" {redirected}'
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, config], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.removeprefix("word\n").strip(), done.stderr) == (code, out, err)


def test_the_shell_completes_commands_and_jobs() -> None:
    def completed(words: str) -> set[str]:
        setting = {"_DAYBREAK_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        program = "import sys; from jobs.cli import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", program], check=False, capture_output=True, text=True, env={**os.environ, **setting}
        )
        return set(done.stdout.split())

    assert completed("daybreak re") == {"receipt", "releases", "recommend"}
    assert {"train", "train_ranker"} <= completed("daybreak job tr")
