"""A model poisoned on purpose is held, an equal one is not, and a person may publish what was held.

The users have tastes, the vectors know them, and the lists are measured by the functions of the nightly evaluation.
"""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import lookup
from jobs.cli.main import main
from jobs.config.config import Config, Override
from jobs.errors import ConfigError, MissingStepError, ValidationError
from jobs.evaluation.metrics.ranking import measure
from jobs.infra.tables import EVALUATION
from jobs.ranking.exact import top_k
from jobs.stages.build import job as build
from jobs.stages.publish import job as publish
from jobs.stages.validate import job as validate
from lookup.release import manifest, pointer
from lookup.sealed import sealed
from tests.releases import config_at
from tests.run_tables import NIGHT, Sizes, write_run

SIZES = Sizes(items=50, users=30)
USERS, ITEMS, NEW, DIMENSIONS = 1200, 400, 40, 16
"""Items from ITEMS - NEW on are new; a tenth of the users are after them."""
WANTED = 3


class Shop:
    """Users, items, and what each user took in the held-out days: drawn by taste."""

    def __init__(self) -> None:
        random = np.random.default_rng(21)
        self.items = random.normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)
        self.users = random.normal(size=(USERS, DIMENSIONS)).astype(np.float32)
        liking = self.users @ self.items.T + random.gumbel(size=(USERS, ITEMS)) * 2
        after_new = np.arange(USERS) % 10 == 0
        liking[~after_new, ITEMS - NEW :] = -np.inf
        self.truth = np.argsort(-liking, axis=1)[:, :WANTED].astype(np.int32)
        self.activity = np.arange(USERS) % 3

    def rows(self, method: str, items: NDArray[np.float32]) -> list[tuple[str, str, str, float, float]]:
        """The rows of the table `evaluation` of a method that has these item vectors."""
        lists, _ = top_k(self.users, items, 20, exclude=None, item_block=128, device="cpu")
        everybody = np.ones(USERS, dtype=bool)
        new = self.truth >= ITEMS - NEW
        rows: list[tuple[str, str, str, float, float]] = []
        for name, users, counts in (
            ("all", everybody, everybody[:, None] | new),
            ("new items", new.any(axis=1), new),
            ("long tail", everybody, self.truth % 2 == 0),
            ("never had", everybody, everybody[:, None] | new),
            ("light users", self.activity == 0, everybody[:, None] | new),
            ("heavy users", self.activity == 2, everybody[:, None] | new),
        ):
            kept = np.flatnonzero(users & counts.any(axis=1))
            truth = [self.truth[user][counts[user]] for user in kept]
            for user, recall, ndcg in zip(kept, *measure(lists[kept], truth), strict=True):
                rows.append((f"user-{user}", method, name, float(recall), float(ndcg)))
        return rows


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """An incumbent, and the release of the next night, built and not yet validated."""
    config = config_at(tmp_path_factory.mktemp("poisoned"), sizes=SIZES)
    write_run(config, 5, SIZES)
    build.run(None, config)
    validate.run(None, config)
    publish.run(None, config)
    after = replace(config, date=NIGHT + timedelta(days=1))
    write_run(after, 6, SIZES)
    build.run(None, after)
    return after


def evaluated(
    config: Config, shop: Shop, challenger: NDArray[np.float32] | None, incumbent: NDArray[np.float32] | None
) -> None:
    """Write what `evaluate` would have of these item vectors; None: that method was not scored."""
    rows = [row for name, items in (("daybreak", challenger), ("in place", incumbent)) if items is not None
            for row in shop.rows(name, items)]  # fmt: skip
    table = pa.table(dict(zip(EVALUATION.columns, zip(*rows, strict=True), strict=True)))
    with config.run.replacing(EVALUATION.name) as folder:
        folder.mkdir()
        half = len(table) // 2
        pq.write_table(table.slice(half), folder / "part-0.parquet")
        pq.write_table(table.slice(0, half), folder / "part-1.parquet")
    metrics = config.run.read_json("metrics.json")
    scored = None if incumbent is None else pointer.read(config.releases)
    config.run.write_json("metrics.json", metrics | {"incumbent": scored})


def held(config: Config) -> tuple[str, set[str]]:
    """Validate what must be held; the message, and the slices that lost."""
    with pytest.raises(ValidationError) as raised:
        validate.run(None, config)
    written = config.run.read_json("validation.json")
    assert written["ok"] is False
    lost = {one["slice"] for one in written["comparison"] if not one["ok"]}
    failed = [finding for finding in written["findings"] if not finding["ok"]]
    assert {finding["name"] for finding in failed} == {f"ndcg@20 of {s} against {written['incumbent']}" for s in lost}
    assert all(f"{finding['name']}: {finding['found']}" in str(raised.value) for finding in failed)
    page = (config.releases / written["id"] / "report.html").read_text()
    assert "<p>Held. Compared with" in page
    assert set(re.findall(r'<tr class="strong"><td>([^<]*)</td><td>[^<]*</td><td>[^<]*</td><td>0', page)) == lost
    with pytest.raises(ValidationError, match=f"release {written['id']} is held"):
        publish.run(None, config)
    return str(raised.value), lost


def noisy(shop: Shop, seed: int, much: float = 0.3) -> NDArray[np.float32]:
    """The vectors as a training finds them: not exactly."""
    noise = np.random.default_rng(seed).normal(size=shop.items.shape).astype(np.float32)
    return shop.items + np.float32(much) * noise


def test_an_equal_model_passes(night: Config, shop: Shop) -> None:
    evaluated(night, shop, noisy(shop, 1), noisy(shop, 2))
    validate.run(None, night)
    written = night.run.read_json("validation.json")
    assert written["ok"] is True
    assert [one["slice"] for one in written["comparison"]] == [
        "all", "new items", "long tail", "never had", "light users", "heavy users",
    ]  # fmt: skip
    whole = written["comparison"][0]
    assert whole["users"] == USERS
    assert whole["low"] < 0 < whole["high"]
    assert whole["challenger"] > 0.1  # the lists are of some use


def test_a_better_model_passes(night: Config, shop: Shop) -> None:
    evaluated(night, shop, noisy(shop, 1), noisy(shop, 2, much=2.0))
    validate.run(None, night)
    assert night.run.read_json("validation.json")["comparison"][0]["why"] == "better"


@pytest.mark.parametrize("poison", ["negated", "shuffled"])
def test_a_poisoned_model_is_held(night: Config, shop: Shop, poison: str) -> None:
    """Half of the item vectors are negated, or change places."""
    challenger = noisy(shop, 1)
    some = np.random.default_rng(3).permutation(ITEMS)[: ITEMS // 2]
    challenger[some] = -challenger[some] if poison == "negated" else challenger[np.roll(some, 1)]
    evaluated(night, shop, challenger, noisy(shop, 2))
    message, lost = held(night)
    assert {"all", "never had", "light users", "heavy users"} <= lost
    assert "interval -0." in message
    assert "1200 users: a loss found" in message
    assert f"daybreak job validate --date {night.date} --override YOUR-NAME" in message


def test_a_poisoned_slice_is_held_though_all_users_together_are_equal(night: Config, shop: Shop) -> None:
    challenger = noisy(shop, 1)
    challenger[ITEMS - NEW :] *= -1
    evaluated(night, shop, challenger, noisy(shop, 2))
    message, lost = held(night)
    assert lost == {"new items"}
    assert "ndcg@20 of new items against" in message
    whole = night.run.read_json("validation.json")["comparison"][0]
    assert (whole["slice"], whole["ok"]) == ("all", True)
    assert whole["high"] >= 0


def test_users_whom_only_the_incumbent_was_scored_for(night: Config, shop: Shop) -> None:
    """A challenger that says nothing about a slice does not pass by it."""
    evaluated(night, shop, shop.items, shop.items)
    path = night.run.path(EVALUATION.name)
    for file in path.glob("*.parquet"):
        table = pq.read_table(file)
        rows = [r for r in table.to_pylist() if not (r["method"] == "daybreak" and r["slice"] == "new items")]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
    message, lost = held(night)
    assert lost == {"new items"}
    assert "users were scored for only one of the two" in message


@pytest.mark.parametrize("key", ["incumbent", "in_place"])
def test_compared_with_another_release_than_the_incumbent(night: Config, shop: Shop, key: str) -> None:
    """Also where a version that called it otherwise evaluated the run."""
    evaluated(night, shop, shop.items, shop.items)
    metrics = night.run.read_json("metrics.json")
    del metrics["incumbent"]
    night.run.write_json("metrics.json", metrics | {key: "20200101T000000Z-0000"})
    with pytest.raises(
        ValidationError, match=f"20200101T000000Z-0000 found, .* `daybreak job evaluate --date {night.date}"
    ):
        validate.run(None, night)


def test_an_incumbent_that_was_not_scored(night: Config, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    evaluated(night, shop, -shop.items, None)
    validate.run(None, night)
    assert 'validate not compared why="evaluate did not score' in capsys.readouterr().out
    assert night.run.read_json("validation.json")["comparison"] == []
    metrics = night.run.read_json("metrics.json")
    night.run.write_json("metrics.json", metrics | {"incumbent": pointer.read(night.releases)})
    validate.run(None, night)
    assert 'validate not compared why="evaluate scored no user of' in capsys.readouterr().out
    night.run.path(EVALUATION.name).rename(night.run.path("away"))
    with pytest.raises(MissingStepError, match="daybreak job evaluate"):
        validate.run(None, night)


def test_a_person_may_override(tmp_path: Path, shop: Shop) -> None:
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    build.run(None, config)
    validate.run(None, replace(config, override=Override("Ada")))  # nothing to override
    publish.run(None, config)
    assert manifest.read(config.releases / pointer.read(config.releases)).override is None
    after = replace(config, date=NIGHT + timedelta(days=1))
    write_run(after, 6, SIZES)
    release_id = build.run(None, after)["release"]
    evaluated(after, shop, -shop.items, shop.items)
    held(after)
    assert manifest.read(after.releases / release_id).override is None

    counts = validate.run(None, replace(after, override=Override("Ada Lovelace", "the new shelf is empty, we know")))
    assert counts["override"] == "Ada Lovelace"
    publish.run(None, after)
    serving = lookup.open(after.releases)
    assert serving.release.id == release_id
    noted = serving.release.override
    assert noted is not None
    assert (noted["by"], noted["reason"]) == ("Ada Lovelace", "the new shelf is empty, we know")
    assert noted["at"].endswith("+00:00")
    names = {one["name"] for one in noted["overridden"]}
    assert f"ndcg@20 of all against {serving.release.parent}" in names
    written = after.run.read_json("validation.json")
    assert (written["ok"], written["override"]) == (True, noted)
    assert {f["name"] for f in written["findings"] if not f["ok"]} == names
    assert not list((after.releases / release_id).glob(".*"))
    page = (after.releases / release_id / "report.html").read_text()
    assert f"overridden by Ada Lovelace at {noted['at']}: the new shelf is empty, we know." in page
    assert "items without brand, against" in page  # the drift is in the same page


def test_a_broken_release_is_not_overridden(tmp_path: Path) -> None:
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    release_id = build.run(None, config)["release"]
    table = pq.read_table(config.run.path("item_topk"))
    for file in config.run.path("item_topk").glob("*.parquet"):
        file.unlink()
    pq.write_table(table.slice(1), config.run.path("item_topk") / "part-0.parquet")
    with pytest.raises(ValidationError, match=r"count item_topk: .* nobody can override that"):
        validate.run(None, replace(config, override=Override("Ada")))
    assert manifest.read(config.releases / release_id).override is None
    assert config.run.read_json("validation.json")["ok"] is False


def test_manifests_from_before_overrides_are_read(night: Config, tmp_path: Path) -> None:
    current = night.releases / pointer.read(night.releases)
    data = json.loads((current / manifest.FILE).read_text())
    assert data.pop("override") is None
    (tmp_path / manifest.FILE).write_text(sealed(data))
    assert manifest.read(tmp_path) == manifest.read(current)


@pytest.mark.parametrize("command", [["run"], ["job", "validate"]])
def test_the_command_line_carries_the_override(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "daybreak.toml"
    path.write_text('[items]\nfiles="i"\nitem_id="i"\n[[events]]\nfiles="e"\nuser_id="u"\nitem_id="i"\ntime="t"\n')
    started: list[Config] = []
    monkeypatch.setattr(
        f"jobs.cli.night.{command[0]}.start", lambda jobs, config, master, resume=False: started.append(config)
    )

    def override(*words: str) -> Override | None:
        assert main([*command, "--config", str(path), *words]) == 0
        return started.pop().override

    def refused(*words: str) -> str:
        assert main([*words, "--config", str(path)]) == ConfigError.exit_code
        return capsys.readouterr().err

    assert override() is None
    assert override("--override", "Ada Lovelace") == Override("Ada Lovelace", None)
    assert override("--override", "Ada", "--reason", "we know") == Override("Ada", "we know")
    assert "--reason goes with --override" in refused(*command, "--reason", "we know")
    assert "the name of a person" in refused(*command, "--override", " ")
    assert "not for job build" in refused("job", "build", "--override", "Ada")
    assert not started
