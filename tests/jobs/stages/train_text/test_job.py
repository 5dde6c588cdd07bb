"""The job `train_text`: a better text model is kept and changes the space; without one nothing changes."""

import os
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import jobs.stages.embed_items.job
from jobs.config.config import Config
from jobs.config.learning import EmbedConfig, TrainTextConfig
from jobs.errors import MissingStepError
from jobs.infra.cluster import processes
from jobs.infra.tables import SEARCHES
from jobs.infra.vector_store import VectorStore
from jobs.models.text_encoder_training import model_store as store
from jobs.models.text_encoder_training.files import train_files
from jobs.models.text_encoder_training.model_store import used
from jobs.stages.index_search.job import learn_encoder
from jobs.stages.index_search.shop import shop_items, text_vectors
from jobs.stages.train_text.job import run
from jobs.stages.train_text.spark import bought_together
from lookup.text.analyzer import Analyzer
from tests.jobs import small_run
from tests.jobs.models.tiny_encoder import ITEMS, MORE, THINGS, write_tiny_encoder

SETTINGS = TrainTextConfig(
    enabled=True, epochs=6, learning_rate=5e-3, batch=24, held_out=0.25, together=False, pairs=100
)


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory) -> Config:
    """People say "couch" for the sofas of this shop, and buy lamps with them."""
    folder = tmp_path_factory.mktemp("shop")
    write_tiny_encoder(folder / "tiny")
    config = replace(small_run.config(folder, EmbedConfig(model="tiny", dimensions=3)), train_text=SETTINGS)
    rows = small_run.items(len(ITEMS))
    for row, text in zip(rows, ITEMS, strict=True):
        row["title"] = row["text"] = text
    bought = [(f"u{user}", item, 20.0 + user) for user in range(4) for item in (0, 1, 2)]
    bought += [(f"v{user}", item, 30.0) for user in range(4) for item in (2, 3 + user)]
    bought += [(f"u{user}", 9, 1.0) for user in range(4)] + [(f"u{user}", 10, 1.0) for user in range(4)]  # held out
    small_run.write(spark, config, rows, small_run.events(bought))
    forms = ("{0} {1}", "{1} {0}", *(f"{word} {{0}} {{1}}" for word in MORE))
    searches = []
    for item, text in enumerate(ITEMS):
        colour, thing = text.split()
        for n, form in enumerate(forms):
            time = datetime(2026, 3, 1, tzinfo=UTC) - timedelta(minutes=len(searches))
            query = form.format(colour, THINGS[thing])
            searches.append((f"{item} {n}", query, None, time, item, True, False, None, None))
    config.run.write(SEARCHES, spark.createDataFrame(searches, SEARCHES.ddl))
    config.run.write_json("features.json", {"features": {}})
    small_run.write(spark, config, rows, small_run.events(bought))  # after all that it belongs to
    vector = np.ones(2, np.float32).tolist()
    model = [{"item_id": "i0", "input": vector, "output": vector, "bias": 0.0, "events": 3}]
    none = np.full((1, 1), -1, np.int32), np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
    labels = {"category=DRINKS": np.ones(2, np.float32)}
    small_run.write_model(spark, config, model, labels=labels, maps=np.ones((2, 1, 1), np.float32), follow=none)
    return config


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process, which is faster. A test below uses a process of its own."""
    path = "jobs.stages.train_text.spark.fine_tune_together"
    monkeypatch.setattr(path, lambda spark, folder, training: train_files(0, "cpu", folder, training))


class AskedForError(Exception):
    """Says which model an encoder was asked for."""


def asked_for(model: str, **_: object) -> None:
    raise AskedForError(model)


def forget(config: Config) -> None:
    for path in config.models.glob("text-*"):
        shutil.rmtree(path)
    config.run.path(store.FACTS).unlink(missing_ok=True)


@pytest.mark.usefixtures("here")
def test_a_better_model_is_kept_and_the_space_is_another(spark, shop: Config) -> None:
    forget(shop)
    off = replace(shop, train_text=replace(SETTINGS, enabled=False))
    assert run(spark, off) == {"enabled": False}
    before = jobs.stages.embed_items.job.run(spark, shop)["space_id"]
    vectors = np.array(VectorStore.of(shop.run).array("item_vector"))
    counts = run(spark, shop)
    assert (counts["trained"], counts["kept"], counts["continues"]) == (True, True, None)
    assert {change["source"] for change in counts["changes"]} == {"all", "log", "titles"}
    assert counts["changes"][0]["after"] > counts["changes"][0]["before"] + 0.1
    with pytest.raises(MissingStepError, match="daybreak job embed_items"):  # what was embedded is of the other model
        shop.run.existing("text_vectors")
    after = jobs.stages.embed_items.job.run(spark, shop)
    assert after["space_id"] != before
    assert after["text_model"] == f"{counts['model']} of tiny"
    assert not np.allclose(np.array(VectorStore.of(shop.run).array("item_vector")), vectors)
    # The query encoder is distilled from the same model.
    items = shop_items(shop.run, {})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jobs.models.content.text_encoder.TextEncoder", asked_for)
        with pytest.raises(AskedForError, match=counts["model"]):
            learn_encoder(shop, items, text_vectors(shop.run, items.read), Analyzer(()), [])
    # A night soon after uses it without a training; one long after goes on from it.
    assert run(spark, shop) == {"model": counts["model"], "trained": False, "changes": counts["changes"]}
    later = replace(shop, date=shop.date + timedelta(days=40), train_text=replace(SETTINGS, epochs=1))
    shutil.copytree(shop.run.root, later.run.root)
    again = run(spark, later)
    assert (again["trained"], again["continues"]) == (True, counts["model"])
    assert again["changes"][0]["before"] == pytest.approx(counts["changes"][0]["after"], abs=0.1)
    shutil.rmtree(later.run.root)


@pytest.mark.usefixtures("here")
def test_a_model_that_is_not_better_changes_nothing_and_is_not_tried_again(spark, shop: Config) -> None:
    forget(shop)
    weak = replace(shop, train_text=replace(SETTINGS, learning_rate=1e-12, epochs=1))
    counts = run(spark, weak)
    assert (counts["trained"], counts["kept"], counts["model"]) == (True, False, None)
    assert used(weak) == ("tiny", str(shop.base / "tiny"))
    assert [path.name for path in shop.models.glob("text-*/*")] == [store.FACTS]
    assert run(spark, weak) == {"model": None, "trained": False, "changes": []}
    later = replace(shop, date=shop.date + timedelta(days=40))
    assert store.newest(later.models, later.date, store.read(next(shop.models.glob("text-*"))).base) is None


@pytest.mark.usefixtures("here")
def test_no_time_is_no_model(spark, shop: Config, capsys: pytest.CaptureFixture[str]) -> None:
    forget(shop)
    monotonic = iter(range(0, 10**6, 5))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jobs.models.text_encoder_training.fit.time.monotonic", lambda: float(next(monotonic)))
        counts = run(spark, replace(shop, train_text=replace(SETTINGS, seconds=10)))
    assert (counts["pairs"], counts["kept"]) == (0, False)
    assert "time is up" in capsys.readouterr().out


def dies_with_half_a_model(rank: int, work: processes.Work, count: int, gpu: bool) -> None:
    """What the process of a training runs in the test below; it imports it from here."""
    half = work.keywords["folder"] / store.MODEL  # type: ignore[attr-defined]
    half.mkdir()
    (half / "config.json").write_text("{")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_training_leaves_no_model_and_starts_again(spark, shop: Config, monkeypatch) -> None:
    forget(shop)
    with monkeypatch.context() as patched:
        patched.setattr(processes, "_run", dies_with_half_a_model)
        with pytest.raises(Exception, match=r"signal 9 killed a process .* `daybreak job train_text` starts it again"):
            run(spark, shop)
    assert not list(shop.models.glob("text-*"))
    assert not shop.run.path(store.FACTS).exists()
    counts = run(spark, shop)
    assert counts["kept"]
    assert not list(shop.models.glob(".text-*"))
    made = store.read(shop.models / counts["model"])
    assert sorted(path.name for path in made.path.iterdir()) == [store.MODEL, store.FACTS]
    assert made.facts["settings"]["epochs"] == SETTINGS.epochs
    moved = replace(shop, embed=replace(shop.embed, model=str(write_tiny_encoder(shop.base / "other", seed=2))))
    with pytest.raises(MissingStepError, match="comes from another model"):
        used(moved)


def test_what_is_bought_together_on_one_day_by_several(spark, shop: Config) -> None:
    found = bought_together(spark, shop)
    assert set(found) == {(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)}
    assert set(found[:2]) == {(0, 1), (1, 0)}  # item 2 is bought with others, too
    assert len(bought_together(spark, replace(shop, train_text=replace(SETTINGS, pairs=3)))) == 3
