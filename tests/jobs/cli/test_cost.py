"""`daybreak cost`, as a person and as a program read it."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.cli.main import main
from jobs.config.release import CostsConfig
from jobs.night import run_job
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

TOML = '[items]\nfiles="i.csv"\nitem_id="i"\n[[events]]\nfiles="e.csv"\nuser_id="u"\nitem_id="i"\ntime="t"\n'
PRICES = '[costs]\ncurrency = "€"\ncore_hour = 0.05\ngpu_hour = 2\ngb_month = 0.02\ngb_sent = 0.09\n'
SIZES = Sizes(items=30, users=12, events=100)
TOOK = {"start_seconds": 5.0, "cpu_seconds": 8.0, "spark_seconds": 4.0, "device_seconds": 0.0, "cores": 2.0}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with prices over a folder of two releases: one of a version without receipts as of today."""
    folder = tmp_path_factory.mktemp("cost")
    for day in (1, 2):
        config = config_at(folder, date(2026, 1, day), SIZES)
        config = replace(config, costs=CostsConfig(core_hour=0.05, currency="€"))
        write_run(config, day, SIZES)
        if day == 2:
            receipt = config.run.receipts()[0] | {"used": TOOK | {"money": 0.01, "currency": "€"}}
            config.run.write_json("receipts/ingest.json", receipt)
        run_job("build", None, config)
    (folder / "daybreak.toml").write_text(TOML + PRICES)
    return folder / "daybreak.toml"


def cost(shop: Path, *words: str) -> int:
    return main(["cost", "--config", str(shop), *words])


def told(shop: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert cost(shop, "--json", *words) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_nights_and_jobs_are_told_with_money(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cost(shop) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["night", "of"]
    assert [line.split()[0] for line in lines[1:3]] == ["2026-01-01", "2026-01-02"]
    assert "€" not in lines[1]  # its receipts are of an earlier version
    assert "€" in lines[2]
    assert [line.split()[0] for line in lines[5:7]] == ["ingest", "build"]
    assert "GB: " in out
    assert "a month" in out


def test_a_program_reads_every_figure(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = told(shop, capsys)
    assert old["core_hours"] is old["money"] is None
    assert new["money"] > 0.01
    assert new["currency"] == "€"
    ingest, build = new["stages"]
    assert (ingest["job"], build["job"]) == ("ingest", "build")
    assert ingest["core_hours"] == pytest.approx(6.5 * 2 / 3600)
    lists = new["core_hours_per_million_lists"]
    assert lists == pytest.approx(new["core_hours"] * 1e6 / new["lists"])


def test_live_calls_are_measured_beside_the_lists(shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("jobs.costs.live.SECONDS", 0.05)
    live = told(shop, capsys, "--live", "--calls", "1e6")[-1]
    assert live["kind"] == "live"
    assert (live["calls"], live["items"], live["users"]) == (1_000_000, 30, 12)
    assert live["text"] > live["lookup"] > 0
    assert live["core_hours"]["live"] > live["core_hours"]["live, where no text is read"] > 0
    assert live["break_even"]["live"] > 0
    assert live["money"]["live"] == pytest.approx(live["core_hours"]["live"] * 0.05)


def test_a_huge_shop_is_simulated_with_its_assumptions(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--users", "100e6", "--items", "10e6", "--gpus", "8")
    (found,) = told(shop, capsys, *words)
    assert (found["users"], found["items"], found["gpus"]) == (100_000_000, 10_000_000, 8)
    assert found["array_bytes"] > 100e9
    assert found["money"]["GPUs"] > 0
    assert cost(shop, *words) == 0
    out = capsys.readouterr().out
    for said in found["assumptions"]:
        assert said in out
    assert "€" in out


def test_without_prices_no_money_is_shown(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = shop.with_name("bare.toml")
    bare.write_text(TOML)
    assert cost(bare, "--users", "1000", "--items", "10") == 0
    assert "no money: [costs] of the configuration has no prices" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--users", "5"], "--users and --items go together"),
        (["--users", "nan", "--items", "5"], "'nan' is not a number from 1 to 1,000,000,000,000"),
        (["--users", "-1", "--items", "5"], "'-1' is not a number from 1"),
        (["--users", "1e13", "--items", "5"], "'1e13' is not a number from 1"),
        (["--users", "5", "--items", "5", "--cores", "0"], "--cores must be 1 or more"),
        (["--users", "5", "--items", "5", "--constants", "none.json"], "none.json: No such file"),
    ],
)
def test_mistakes_are_told(shop: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert cost(shop, *words) == 2
    assert message in capsys.readouterr().err


def test_a_shop_without_a_release_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "daybreak.toml").write_text(TOML)
    assert cost(tmp_path / "daybreak.toml") == 0
    assert "no release in" in capsys.readouterr().out
