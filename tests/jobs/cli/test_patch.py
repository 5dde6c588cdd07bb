"""`daybreak patch`: files and standard input into the log."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.cli.main import main
from jobs.cli.shop.patch_lines import Line, batches
from lookup.errors import LogError, PatchError
from lookup.patches import patch
from lookup.patches.patch_log import PatchLog, open_log
from tests.releases import make_release

LINES = """{"item_id": "A1", "price": 3, "at": "2026-01-01", "source": "erp"}

nonsense
{"item_id": "A2", "price": -3}
{"user_id": "u", "item_id": "A1", "type": "view"}
{"forget": "z"}
"""
CSV = """item_id;price;in_stock;category;colour;weight;brand

A1;9.50;Yes;Home > Mugs;red;007;12
A2;;no;;"a

b";1.5;null
A3;x;no;;;;
A4;1;2
A5;;maybe;;;;
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command on a log in tmp_path: exit code, what it printed, what it told."""

    def call(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
        code = main(["patch", *words])
        return code, *capsys.readouterr()

    return call


def said(log: PatchLog) -> dict[tuple[str, str], Any]:
    return {(one.item, one.field): one.value for one in log.changes(0).statements}


def test_json_lines(run: Any, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(LINES)
    code, out, told = run(str(tmp_path / "p.jsonl"), "--releases", str(tmp_path), "--source", "feed")
    log = open_log(tmp_path)
    assert code == 1
    assert out == f"3 patches kept, 2 lines rejected, up to line 6; {log.where} is at position 3\n"
    assert told.splitlines() == [
        f"daybreak: {tmp_path}/p.jsonl:3: not readable as JSON: Expecting value: line 1 column 1 (char 0)",
        f"daybreak: {tmp_path}/p.jsonl:4: item 'A2': price is -3; 0 or more was expected",
    ]
    (price,) = log.changes(0).statements
    assert (price.source, price.at, price.value) == ("erp", 1_767_225_600_000_000, 3.0)
    assert [event.source for event in log.events("u", 0)] == ["feed"]
    assert [gone.user for gone in log.forgotten()] == ["z"]


def test_csv(run: Any, tmp_path: Path) -> None:
    code, _, told = run("--log", str(tmp_path / "my.sqlite"), stdin=CSV.encode())
    assert code == 1
    assert told.splitlines() == [
        "daybreak: standard input:7: item 'A3': price is 'x'; a number was expected",
        "daybreak: standard input:8: 3 cells found, 7 expected by the header",
        "daybreak: standard input:9: item 'A5': in_stock is 'maybe'; true or false was expected",
    ]
    assert said(open_log(tmp_path / "my.sqlite")) == {
        ("A1", "price"): 9.5,
        ("A1", "in_stock"): True,
        ("A1", "category"): ["Home", "Mugs"],
        ("A1", "colour"): "red",
        ("A1", "weight"): "007",  # no number begins so
        ("A1", "brand"): "12",
        ("A2", "in_stock"): False,
        ("A2", "colour"): "a\n\nb",
        ("A2", "weight"): 1.5,
        ("A2", "brand"): None,
    }


def test_csv_of_events(run: Any, tmp_path: Path) -> None:
    rows = b"user_id,item_id,type,value,at\nu,1,purchase,2,1700000000\n"
    assert run("--releases", str(tmp_path), stdin=rows)[0] == 0
    (event,) = open_log(tmp_path).events("u", 0)
    assert event[:4] + event[5:] == ("u", "1", "purchase", 1_700_000_000_000_000, 2.0, 1)


def test_rejected_lines_are_kept_as_they_are(run: Any, tmp_path: Path) -> None:
    bad = b'\xff\xfe\n{"item_id": "\xff", "price": 1}\n'
    good = b'\xef\xbb\xbf{"item_id": "A1", "price": 1}\n'
    code, _, told = run("--releases", str(tmp_path), "--rejected", str(tmp_path / "r"), stdin=good + bad)
    assert code == 1
    assert (tmp_path / "r").read_bytes() == bad
    assert "standard input:3: the id of the item is '\\udcff', which holds half a character" in told
    assert said(open_log(tmp_path)) == {("A1", "price"): 1.0}


def test_only_so_many_are_told(run: Any, tmp_path: Path) -> None:
    code, out, told = run("--releases", str(tmp_path), stdin=b"{\n" * 2500 + b'{"forget": "u"}\n')
    assert code == 1
    assert len(told.splitlines()) == 101
    assert out.startswith("1 patch kept, 2500 lines rejected, up to line 2501; ")


def test_nothing_is_no_error(run: Any, tmp_path: Path) -> None:
    code, out, told = run("--releases", str(tmp_path), stdin=b"\n")
    assert (code, told) == (0, "")
    assert out.startswith("0 patches kept, 0 lines rejected, up to line 0; ")


def test_the_log_is_the_configurations(run: Any, tmp_path: Path) -> None:
    toml = '[shop]\npatches = "log/p.sqlite"\n[items]\nfiles = "i.csv"\nitem_id = "i"\n[[events]]\nfiles = "e.csv"\n'
    (tmp_path / "daybreak.toml").write_text(toml + 'user_id = "u"\nitem_id = "i"\ntime = "t"\n')
    (tmp_path / "log").mkdir()
    assert run("--config", str(tmp_path / "daybreak.toml"), stdin=b'{"forget": "u"}')[0] == 0
    assert (tmp_path / "log" / "p.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "stdin", "code", "told"),
    [
        (["nowhere.csv", "--releases", "{tmp}"], b"", 2, "nowhere.csv: No such file or directory; a file of patches"),
        (["--releases", "{tmp}"], b"foo,bar\n1,2\n", 2, "a CSV file with item_id, was expected, not 'foo,bar"),
        (["--releases", "{tmp}", "--log", "x"], b"", 2, "--log and --releases both say where the log is"),
        (["--releases", "{tmp}/none"], b'{"forget": "u"}', 1, "(standard input: the patches up to line 0 were kept)"),
        (["--log", "redis://127.0.0.1:1/0"], b"", 1, "redis://127.0.0.1:1/0: ConnectionError"),
    ],
)
def test_mistakes_are_told(run: Any, tmp_path: Path, *, words: list[str], stdin: bytes, code: int, told: str) -> None:
    found = run(*(word.format(tmp=tmp_path) for word in words), stdin=stdin)
    assert found[0] == code
    assert told in found[2]


def test_no_error_of_the_reader_leaves_the_command_waiting() -> None:
    def broken() -> Iterator[Line]:
        yield Line(1, "{}", PatchError("an example"))
        raise ValueError("of no kind that is foreseen")

    read = batches(broken())
    assert [line.number for line in next(read)] == [1]
    with pytest.raises(ValueError, match="of no kind that is foreseen"):
        next(read)


def test_what_is_piped_in_is_there_before_the_pipe_ends(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    command = [sys.executable, "-m", "jobs.cli", "patch", "--releases", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ) as feed:
        assert feed.stdin
        for n in range(1, 4):
            feed.stdin.write(json.dumps({"item_id": f"A{n}", "price": n}) + "\n")
            feed.stdin.flush()
            ends = time.monotonic() + 60
            while log.position() < n and time.monotonic() < ends:
                time.sleep(0.01)
            assert log.position() == n
            assert feed.poll() is None
        out, _ = feed.communicate()
    assert feed.returncode == 0
    assert out == f"3 patches kept, 0 lines rejected, up to line 3; {log.where} is at position 3\n"


TOML = """[items]
files = "i.csv"
item_id = "i"
category_separator = "/"
[items.features]
size = "s"
[[events]]
files = "e.csv"
user_id = "u"
item_id = "i"
time = "t"
"""


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("item_id,Price", "standard input: the header: nobody reads 'Price'; did you mean 'price'?"),
        ("item_id,Stock", "nobody reads 'Stock'; did you mean 'in_stock'?"),
        ("Item_ID,price", "nobody reads 'Item_ID'; did you mean 'item_id'?"),
        ("item_id,sizes", "nobody reads 'sizes'; did you mean 'size'?"),
        ("item_id,zzz", "there are title, text, description, category"),
        ("User_id,item_id,type", "nobody reads 'User_id'; did you mean 'user_id'?"),
    ],
)
def test_a_header_that_nobody_reads_is_told(run: Any, tmp_path: Path, header: str, told: str) -> None:
    (tmp_path / "daybreak.toml").write_text(TOML)
    code, _, err = run("--config", str(tmp_path / "daybreak.toml"), stdin=f"{header}\n1,2,3\n".encode())
    assert code == 2
    assert told in err
    assert not list(tmp_path.rglob("*.sqlite"))


def test_fields_that_nobody_reads_are_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "daybreak.toml").write_text(TOML)
    (tmp_path / "releases").mkdir()
    lines = b'{"item_id": 1, "prise": 5}\n{"item_id": 1, "size": 5}\n{"item_id": 1, "age": 5}\n'
    config = ("--config", str(tmp_path / "daybreak.toml"))
    code, out, told = run(*config, stdin=lines)
    assert (code, out.split(";")[0]) == (1, "1 patch kept, 2 lines rejected, up to line 3")
    assert "standard input:1: item '1': nobody reads 'prise'; did you mean 'price'" in told
    assert run(*config, "--field", "age", "prise", stdin=lines)[0] == 0
    assert said(open_log(tmp_path / "releases")) == {("1", "prise"): 5, ("1", "size"): 5, ("1", "age"): 5}


def test_a_quote_that_is_not_closed_costs_its_own_line(run: Any, tmp_path: Path) -> None:
    rows = 'item_id,price,brand\nA1,2,\n"A2,3,\nA3,4,5" pipe\n"A4",5,"two\nlines"\nA5,6,"x"y\nA6,"7"\nA7,8,\n"A8,9,\n'
    code, out, told = run("--log", str(tmp_path / "log"), stdin=rows.encode())
    assert (code, out.split(";")[0]) == (1, "4 patches kept, 4 lines rejected, up to line 10")
    assert [line.split(": ", 2)[1] for line in told.splitlines()] == [f"standard input:{n}" for n in (3, 7, 8, 10)]
    assert "3: a quote opens and is not closed: this line is not read, those after it are" in told
    assert said(open_log(tmp_path / "log")) == {
        ("A1", "price"): 2.0,
        ("A3", "price"): 4.0,
        ("A3", "brand"): '5" pipe',
        ("A4", "price"): 5.0,
        ("A4", "brand"): "two\nlines",
        ("A7", "price"): 8.0,
    }


def test_cells_as_they_come(run: Any, tmp_path: Path) -> None:
    """Ids by the one rule, the separator of the configuration, and nothing that is no number as one."""
    (tmp_path / "daybreak.toml").write_text(TOML)
    (tmp_path / "releases").mkdir()
    rows = (
        "\ufeffitem_id ,category,price\n A1\u00a0,FOOD / DAIRY,1\n12.0,a>b,2\nA3,,12d\nA4,,0x1p3\nA5,,1_000\nA6,,NaN\n"
    )
    rows += f"A7,{'/'.join('x' * 33)},\n"
    code, _, told = run("--config", str(tmp_path / "daybreak.toml"), stdin=rows.encode())
    assert code == 1
    assert [line.split(": ", 2)[2] for line in told.splitlines()] == [
        "item 'A3': price is '12d'; a number was expected",
        "item 'A4': price is '0x1p3'; a number was expected",
        "item 'A5': price is '1_000'; a number was expected",
        "item 'A6': price is not finite: a finite number was expected",
        "item 'A7': category has 33 names; at most 32 are kept",
    ]
    assert said(open_log(tmp_path / "releases")) == {
        ("A1", "category"): ["FOOD", "DAIRY"],
        ("A1", "price"): 1.0,
        ("12", "category"): ["a>b"],
        ("12", "price"): 2.0,
    }


def test_items_that_nobody_knows_are_counted_apart(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_release(tmp_path)
    capsys.readouterr()
    folder = ("--releases", str(tmp_path / "releases"))
    lines = [
        {"item_id": "item-1", "price": 5},
        {"item_id": "later", "price": 5},
        {"item_id": "later", "in_stock": False},
        {"item_id": "new", "price": 5},
        {"item_id": "new", "title": "A new one"},
        {"user_id": "u", "item_id": "much later", "type": "purchase"},
    ]
    code, out, _ = run(*folder, stdin="".join(json.dumps(line) + "\n" for line in lines).encode())
    assert code == 0
    assert out.startswith("6 patches kept (kept for items to come: 2), 0 lines rejected, up to line 6; ")
    code, out, _ = run(*folder, stdin=b'{"item_id": "new", "price": 6}\n{"item_id": "item-2", "price": 6}\n')
    assert out.startswith("2 patches kept, 0 lines rejected, up to line 2; ")
    assert "did you mean 'colour'" in run(*folder, stdin=b'{"item_id": "new", "color": "red"}\n')[2]


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    (tmp_path / "daybreak.toml").write_text(TOML)
    (tmp_path / "releases").mkdir()
    return ["--config", str(tmp_path / "daybreak.toml")]


def test_forget_says_what_it_erases(config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = open_log(tmp_path / "releases")
    log.append([patch.event("ann@example.org", "A1", "view"), patch.event("bob", "A2", "view")])
    assert main(["forget", "ann@example.org", " carl ", *config]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Users forgotten: 2.\nErased: their events in the log {log.where}, whose files were written")
    for place in (log.where, tmp_path / "releases", tmp_path / "work" / "runs", "exposures", "own files", "models"):
        assert str(place) in out.partition("Not erased")[2]
    kept = [line for line in out.partition("Not erased")[2].splitlines() if "search" in line]
    places = (tmp_path / "releases", tmp_path / "work" / "runs", "records of exposures", "the shop's own files")
    assert [line.startswith(f"  - {place}") for line, place in zip(kept, places, strict=True)] == [True] * 4
    assert [one.user for one in log.forgotten()] == ["ann@example.org", "carl"]
    assert log.events("ann@example.org", 0) == []
    assert len(log.events("bob", 0)) == 1
    assert main(["forget", " ", *config]) == 2
    assert "the id of the user is ''" in capsys.readouterr().err


def test_patches_ahead_are_shown_and_removed(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path / "releases")
    with monkeypatch.context() as wrong:
        later = time.time() + 86400
        wrong.setattr(patch, "time", lambda: later)
        log.append([patch.item("A1", {"price": 9.0})])
    assert main(["patches", *config]) == 0
    line, told = capsys.readouterr().out.splitlines()
    assert json.loads(line)["price"] == 9.0
    assert told == f"{log.where} is at position 1; patches of a time that has not come yet: 1"
    assert main(["patches", "--remove-ahead", *config]) == 0
    assert "removed: 1" in capsys.readouterr().out
    assert log.ahead() == []
    assert main(["patches", "--trust-clock", *config]) == 0
    assert main(["patches", "--trust-clock", "--remove-ahead", *config]) == 2


def test_a_password_on_the_command_line_is_refused_and_not_repeated(run: Any, tmp_path: Path) -> None:
    for words in (
        ["--log", "redis://:hush-7@127.0.0.1:1/0"],
        ["--log", "redis://shop:a/hush-7@127.0.0.1:1/0"],
        ["p.jsonl", "redis://:hush-7@127.0.0.1:1/0"],
        ["--source=x", "--redis://:hush-7@127.0.0.1:1/0"],
    ):
        code, out, told = run(*words)
        assert code == 2
        assert told.count("\n") == 1
        assert "hush" not in out + told
    assert "everybody on this machine can read a password" in run("--log", "redis://:hush-7@127.0.0.1:1/0")[2]


def test_the_password_of_a_log_comes_from_the_environment(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_and_fail(where: str) -> PatchLog:
        opened.append(where)
        raise LogError("redis://127.0.0.1:1/0: down")

    monkeypatch.setattr("jobs.cli.shop.patch.open_log", open_and_fail)
    monkeypatch.setenv("SHOP_SECRET", "hush/7")
    code, _, told = run("--log", "redis://127.0.0.1:1/0", "--password-env", "SHOP_SECRET")
    assert (code, told) == (1, "daybreak: redis://127.0.0.1:1/0: down\n")
    assert opened == ["redis://:hush%2F7@127.0.0.1:1/0"]
