"""The job `train` with `train.from`: a new shop begins with what others taught, and knows its items by their texts."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.config.config import Config
from jobs.config.learning import EmbedConfig
from jobs.errors import ConfigError
from jobs.infra.frames import model_items
from jobs.infra.tables import ITEMS, SEQUENCES
from jobs.models.behaviour import model_store
from jobs.models.behaviour.fit import fit_files
from jobs.models.content.text_encoder import TextEncoder, identity
from jobs.models.pretrained.store import LearnedFrom, Pretrained
from jobs.stages.train.job import run
from tests.jobs.models.tiny_encoder import ITEMS as TEXTS
from tests.jobs.models.tiny_encoder import write_tiny_encoder
from tests.jobs.stages.train.test_job import NIGHT, shop


@pytest.fixture(scope="module")
def text_model(tmp_path_factory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("texts") / "tiny")


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """Run fits in this process, which is faster."""

    def fit(spark, config: Config, folder: Path) -> list[float]:
        files = sorted(config.run.path(SEQUENCES.name).glob("*.parquet"))
        return fit_files(files, folder, config.train, "cpu")

    monkeypatch.setattr("jobs.stages.train.job.fit_together", fit)


def beginning(folder: Path, text_model: Path, **changed) -> tuple[Config, Pretrained]:
    """A shop with items of which the text model knows the words, but for item 11; and the pretrained model it names."""
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((1, 32, 8), (1, 8, 8), (1, 4))]
    half_lives = (7.0, 30.0, 90.0, 0.0)
    made = Pretrained(*arrays, half_lives, identity(str(text_model)), 128, 5.0, (LearnedFrom(1, 2, 3),))
    made.write(folder / "other.model")
    config = shop(folder, start_from="other.model", **changed)
    path = config.run.path(ITEMS.name) / "part.parquet"
    items = pl.read_parquet(path).with_columns(text=pl.Series([*TEXTS[:11], None]))
    items.write_parquet(path)
    return dataclasses.replace(config, embed=EmbedConfig(model=str(text_model))), made


def table(spark, config: Config) -> pl.DataFrame:
    model = model_store.existing(config.models, NIGHT)
    return (
        pl.from_arrow(model_items(spark, model.path).toArrow())
        .with_columns(pl.col("item_id").str.slice(1).cast(pl.Int64).alias("row"))
        .sort("row")
    )


def test_a_shop_without_histories_has_the_other_shops_vectors(spark, tmp_path, text_model, capsys):
    config, made = beginning(tmp_path, text_model)
    young = dataclasses.replace(config, train=dataclasses.replace(config.train, holdout_days=30))
    counts = run(spark, young)
    assert (counts["users"], counts["items"], counts["loss"], counts["pretrained"]) == (0, 12, None, made.id)
    assert "as pretrained" in capsys.readouterr().out
    texts = TextEncoder(str(text_model)).encode([*TEXTS[:11], None])
    found = table(spark, young)
    e = made.vectors(texts)[0]
    inputs = np.stack(found["input"].to_list())
    np.testing.assert_allclose(inputs[:11], (e @ made.map[0])[:11], atol=2e-2 * np.abs(inputs).max())
    assert found["bias"].n_unique() > 1  # what is popular is known
    model = model_store.existing(config.models, NIGHT)
    assert not model.taught
    assert model.load("next_weight").max() > 0  # items that are alike
    assert run(spark, young)["pretrained"]  # it is never recent enough to stay
    assert run(spark, config)["users"] == 12
    assert model_store.existing(config.models, NIGHT).taught


def test_users_teach_it_and_items_without_events_stay_known(spark, tmp_path, text_model):
    config, made = beginning(tmp_path, text_model)
    counts = run(spark, config)
    assert (counts["users"], counts["items"], counts["pretrained"]) == (12, 12, made.id)
    assert counts["loss"] > 0
    found = table(spark, config)
    assert [events > 0 for events in found["events"]] == [True] * 11 + [False]
    scratch = dataclasses.replace(config, full=True, train=dataclasses.replace(config.train, start_from=None))
    assert run(spark, scratch)["items"] == 11
    assert run(spark, dataclasses.replace(config, full=True))["model"] == counts["model"]  # equal to the last bit


def test_a_model_that_does_not_fit_is_refused_before_the_work(spark, tmp_path, text_model):
    config, _ = beginning(tmp_path, text_model)
    for changed, said in (
        ({"start_from": "none.model"}, "none.model: there is no such file"),
        ({"dimensions": 4}, "dimensions = 8"),
    ):
        other = dataclasses.replace(config, train=dataclasses.replace(config.train, **changed))
        with pytest.raises(ConfigError, match=said):
            run(spark, other)
    elsewhere = write_tiny_encoder(tmp_path / "other texts", seed=2)
    with pytest.raises(ConfigError, match="use the same text model"):
        run(spark, dataclasses.replace(config, embed=EmbedConfig(model=str(elsewhere))))
    assert not config.run.path(SEQUENCES.name).exists()


def test_a_shop_without_texts_is_refused(spark, tmp_path, text_model):
    config, _ = beginning(tmp_path, text_model)
    path = config.run.path(ITEMS.name) / "part.parquet"
    pl.read_parquet(path).with_columns(text=pl.lit(None, pl.String)).write_parquet(path)
    with pytest.raises(Exception, match="no item of this shop has a text"):
        run(spark, config)
