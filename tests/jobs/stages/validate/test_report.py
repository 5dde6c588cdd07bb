"""What `validate` adds to `report.html`, and that page and manifest change as one."""

import re
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.config.config import Config, Override
from jobs.stages.build import job as build
from jobs.stages.validate import gate
from jobs.stages.validate import job as validate
from jobs.stages.validate import replace_page as replacing
from jobs.stages.validate.decision import decide, why_held
from jobs.stages.validate.finding import Finding, FindingKind
from jobs.stages.validate.report import validation_part
from lookup import ReleaseError
from lookup.release import manifest, pointer
from lookup.release.reader import open_from
from tests.releases import config_at
from tests.run_tables import NIGHT, Sizes, write_run

SIZES = Sizes(items=50, users=30)
RANDOM = np.random.default_rng(1)
BEFORE = RANDOM.random(400)
WORSE = gate.Scores(BEFORE, np.maximum(BEFORE - 0.2, 0.0))
EQUAL = gate.Scores(BEFORE, BEFORE + RANDOM.normal(size=400) * 0.05)
PUBLISH = Finding("users with a full list", True, "1.0000", "0.99 or more", FindingKind.FAILURE)
DRIFT = [
    Finding("events of type view, last day", False, "3", "about 900 (z = -30.1)", FindingKind.WARNING),
    Finding("items without brand, against R", True, "1.0%", "1.2% ± 10%", FindingKind.WARNING),
]


def validated(
    findings: list[Finding],
    slices: dict[str, gate.Scores],
    override: Override | None = None,
    drift: list[Finding] | None = None,
) -> tuple[str, dict[str, Any]]:
    """The part of the page, and what `validation.json` would say."""
    compared = gate.compare(slices, max_loss=0.005, false_alarms=0.01)
    lost = [Finding(f"ndcg@20 of {c.slice}", c.ok, "less", "equal", FindingKind.FAILURE) for c in compared]
    decision = decide([*findings, *lost, *(drift or [])], override)
    told = {
        "comparison": [asdict(one) for one in compared],
        "incumbent": "20260101T000000Z-aaaa",
        "override": decision.override,
    }
    return validation_part(told, drift or [], decision), told


def rows(page: str) -> list[list[str]]:
    """The cells of every row that is not a head, as text."""
    found = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr.*?>(.*?)</tr>", page)]
    return [[unescape(cell) for cell in row] for row in found if row]


def test_every_slice_is_there_with_its_figures() -> None:
    page, told = validated([PUBLISH], {"all": EQUAL, "new items": WORSE})
    one, two = rows(page)[:2]
    whole, new = told["comparison"]
    assert one == [
        "all", "400", "400", f"{BEFORE.mean():.4f}", f"{EQUAL.challenger.mean():.4f}",
        f"{whole['difference']:+.4f} ({whole['difference'] / BEFORE.mean():+.1%})",
        f"{whole['low']:+.4f} to {whole['high']:+.4f}", "equal within the interval",
    ]  # fmt: skip
    assert two[-1] == "held: a loss"
    assert float(two[5].split()[0]) == pytest.approx(new["difference"], abs=1e-4)
    assert new["difference"] < -0.1
    assert page.count('class="strong"') == 1
    assert "Held. Compared with 20260101T000000Z-aaaa." in page
    assert rows(page)[2:] == [["ndcg@20 of new items", "less", "equal"]]  # what it is held for, and nothing that passed


def test_who_overrode_it_and_why() -> None:
    page, told = validated([], {"all": WORSE}, Override("Ada <Lovelace>", "the shelf & all is empty"))
    said = f"Held, and overridden by Ada <Lovelace> at {told['override']['at']}: the shelf & all is empty."
    assert said in unescape(page)
    assert "<Lovelace>" not in page  # what a person types is text
    page, _ = validated([], {"all": WORSE}, Override("Ada"))
    assert "no reason was given" in page


def test_what_an_override_can_do(tmp_path: Path) -> None:
    """It publishes what was held; it is not noted on what passed, and does nothing for what is broken."""
    lost = Finding("ndcg@20 of all", False, "less", "equal", FindingKind.FAILURE)
    broken = Finding("count items", False, "3", "4", FindingKind.FAULT)
    held = decide([PUBLISH, lost, *DRIFT], None)
    assert (held.held_for, held.publish, held.broken) == ([lost], False, False)
    config = replace(config_at(tmp_path), file=tmp_path / "my shop.toml")
    told = why_held("R", config, held)
    assert "ndcg@20 of all: less found, equal expected" in told
    where = f"--config '{config.file}' --date {NIGHT}"
    assert f"`daybreak job validate {where} --override YOUR-NAME --reason WHY`" in told
    assert f"`daybreak job publish {where}`" in told
    assert "No release serves yet." in told
    config.releases.mkdir()
    pointer.announce(config.releases, "20260101T000000Z-aaaa")
    assert "20260101T000000Z-aaaa goes on serving." in why_held("R", config, held)
    overridden = decide([PUBLISH, lost, *DRIFT], Override("Ada"))
    assert overridden.publish
    assert overridden.override is not None
    assert overridden.override["overridden"] == [{"name": lost.name, "found": "less", "expected": "equal"}]
    passed = decide([PUBLISH, *DRIFT], Override("Ada"))
    assert (passed.held_for, passed.publish, passed.override) == ([], True, None)
    worst = decide([lost, broken], Override("Ada"))
    assert (worst.held_for, worst.publish, worst.override) == ([lost, broken], False, None)
    assert "nobody can override that" in why_held("R", config, worst)
    assert "--override" not in why_held("R", config, worst)


def test_an_override_stays_when_validate_runs_again() -> None:
    lost = Finding("ndcg@20 of all", False, "less", "equal", FindingKind.FAILURE)
    first = decide([lost], Override("Ada", "we know")).override
    assert decide([lost], None, first).override == first
    assert decide([lost], None, first).publish
    assert decide([lost], Override("Ada", "we know"), first).override == first  # asked for again, by a retried task
    assert decide([PUBLISH], None, first).override == first
    other = decide([lost], Override("Grace"), first).override
    assert other is not None
    assert other["by"] == "Grace"
    broken = Finding("count items", False, "3", "4", FindingKind.FAULT)
    assert not decide([lost, broken], None, first).publish


def test_what_passed_what_is_broken_and_what_is_not_compared() -> None:
    assert "<p>Passed. Compared with 20260101T000000Z-aaaa.</p>" in validated([PUBLISH], {"all": EQUAL})[0]
    broken = Finding("count items", False, "3", "4", FindingKind.FAULT)
    page, _ = validated([broken], {})
    why = "the release is broken, and nobody can override that"
    assert f"<p>Held: {why}. Not compared with another release.</p>" in page
    assert rows(page) == [["count items", "3", "4"]]


def test_drift_stands_out_and_holds_nothing() -> None:
    page, _ = validated([], {}, drift=DRIFT)
    assert "Passed." in page
    assert rows(page) == [[f.name, f.found, f.expected, "" if f.ok else "drift"] for f in DRIFT]
    assert re.findall(r'<tr class="strong"><td>(.*?)</td>', page) == [DRIFT[0].name]
    assert "too few days" in validated([], {})[0]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    return config


def test_the_page_of_a_release_and_its_manifest_change_together(config: Config) -> None:
    folder = config.releases / build.run(None, config)["release"]
    built = (folder / "report.html").read_text()
    validate.run(None, config)
    page = (folder / "report.html").read_text()
    assert built.partition("<h2>What it cost")[0] == page.partition("<h2>The gate")[0]
    assert "Passed. Not compared with another release." in page
    assert not [word for word in ("http", "src=", "<script") if word in page]  # self-contained
    open_from(config.releases, folder.name, verify=True)
    validate.run(None, config)  # again, as a night that is run again does
    assert (folder / "report.html").read_text() == page


def test_what_was_announced_stays_as_it_is(config: Config) -> None:
    folder = config.releases / build.run(None, config)["release"]
    pointer.announce(config.releases, folder.name)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    validate.run(None, config)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("killed", ["before the manifest", "after the manifest"])
def test_killed_in_between(config: Config, monkeypatch: pytest.MonkeyPatch, killed: str) -> None:
    """The next `validate` finds the release whole, with one page or the other."""
    folder = config.releases / build.run(None, config)["release"]
    before, told = (folder / "report.html").read_text(), manifest.read(folder)

    class KilledError(Exception):
        pass

    def kill(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        where, what = (manifest.Manifest, "write") if killed == "before the manifest" else (replacing, "finish")
        patched.setattr(where, what, kill)
        with pytest.raises(KilledError):
            replacing.replace_page(folder, replace(told, override={"by": "Ada"}), "the new page")
    assert (folder / replacing.NEW).exists()
    if killed == "after the manifest":
        with pytest.raises(ReleaseError, match=r"report\.html"):
            open_from(config.releases, folder.name)
    replacing.finish(folder)
    assert not (folder / replacing.NEW).exists()
    open_from(config.releases, folder.name, verify=True)
    after = (folder / "report.html").read_text()
    assert after == (before if killed == "before the manifest" else "the new page")
    assert (manifest.read(folder).override is None) == (after == before)


def test_every_value_of_the_shop_is_text(config: Config) -> None:
    evil = replace(config, shop=replace(config.shop, name="<script>alert('&')</script>"))
    folder = evil.releases / build.run(None, evil)["release"]
    validate.run(None, evil)
    page = (folder / "report.html").read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;") == 2
