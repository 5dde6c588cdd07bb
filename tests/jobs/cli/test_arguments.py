"""The words of a command line: lists, truths, and what is not understood."""

import re
from datetime import date
from pathlib import Path

import pytest
import typer

from jobs.cli.main import app, main
from tests.jobs.cli.understood import command_names, understood


def test_a_list_option_takes_several_words_and_may_be_given_again() -> None:
    found = understood("compare --exposures a 'b c' --exposures d --events e --shares x=0.9 y=0.1 --metric ctr --json")
    assert found.command == "compare"
    assert found.options["exposures"] == ["a", "b c", "d"]
    assert found.options["events"] == ["e"]
    assert [tuple(pair) for pair in found.options["shares"]] == [("x", "0.9"), ("y", "0.1")]
    assert (found.options["metric"], found.options["json"]) == (["ctr"], True)


def test_a_list_ends_at_the_next_option() -> None:
    options = understood(["recommend", "u", "--history", "a", "b", "-k", "3"]).options
    assert (options["user"], options["history"], options["k"]) == ("u", ["a", "b"], 3)
    assert understood(["prune", "--spare", "a", "b", "--dry-run"]).options["spare"] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "full"),
    [
        ([], False),
        (["--full"], True),
        (["--full", "true"], True),
        (["--full", "True"], True),
        (["--full", "false"], False),
        (["--full=true"], True),
        (["--full=false"], False),
        (["--full", "--warm-start"], True),
    ],
)
@pytest.mark.parametrize("command", [["run"], ["job", "train"]])
def test_a_scheduler_renders_full_as_a_truth(command: list[str], words: list[str], full: bool) -> None:
    assert understood([*command, *words]).options["full"] is full
    assert understood([*command[:1], *words, *command[1:]]).options["full"] is full


def test_a_word_that_reads_as_a_truth_is_a_word_elsewhere() -> None:
    assert understood("recommend --json true").options["user"] == "true"


def test_the_configuration_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_CONFIG", "/srv/shop.toml")
    assert understood("releases").options["config"] == Path("/srv/shop.toml")
    assert understood("releases --config my.toml").options["config"] == Path("my.toml")
    monkeypatch.delenv("DAYBREAK_CONFIG")
    assert understood("releases").options["config"] == Path("daybreak.toml")


def test_a_date_is_a_day() -> None:
    assert understood("receipt --date 2026-11-22").options["night"] == date(2026, 11, 22)


@pytest.mark.parametrize("name", command_names())
def test_every_command_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: daybreak {name} " in out
    summary = out.splitlines()[3].strip()
    assert summary[0].isupper()


def examples() -> list[str]:
    """The command lines in the help texts, each on one line."""
    texts = [(info.callback.__doc__ or "").replace("\\\n", " ") for info in app.registered_commands]
    return [line for text in texts for line in re.findall(r"^ +(?:Example: )?(?:.*\| )?daybreak (.+)$", text, re.M)]


def test_help_has_examples_that_fit_a_terminal() -> None:
    assert len(examples()) > 10
    for info in app.registered_commands:
        indented = re.findall(r"^      (.+)$", info.callback.__doc__, re.M)
        assert [line for line in indented if len(line) > 76] == []


@pytest.mark.parametrize("line", examples())
def test_the_examples_of_the_help_are_understood(line: str) -> None:
    understood(line.partition(" > ")[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("recieipt", "No such command 'recieipt'. Did you mean 'receipt'"),
        ("receipt --dat 2026-11-22", "No such option: --dat"),
        ("job", "Missing argument 'NAME...'"),
        ("job trian", "'trian' is not a job of the night; expected one of ingest, train,"),
        ("job train extra", "'extra' is not a job of the night"),
        ("run --full maybe", "unexpected extra argument"),
        ("recommend u -k many", "'-k'"),
        ("recommend u -k 0", "-k must be 1 or more; it is 0"),
        ("evaluate a --part both", "'--part': 'both' is not one of 'valid', 'test'"),
        ("evaluate a --days 0", "--days must be 1 or more; it is 0"),
        ("compare --events e", "Missing option '--exposures'"),
        ("compare --exposures e --events e --shares a", "'--shares': 'a'; NAME=VALUE expected"),
        ("prune --dry-run --log-before 2026-01-01", "--dry-run removes nothing and --log-before does"),
        ("tune d --preset p", "Missing option '--study'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("daybreak: ")
    assert err.count("\n") == 1


def test_what_is_not_understood_raises() -> None:
    with pytest.raises(typer.TyperException, match="No such command"):
        understood("nonsense")
    with pytest.raises(typer.TyperException):
        understood("publish")
