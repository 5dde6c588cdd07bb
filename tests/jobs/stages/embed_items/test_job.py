"""The job embed_items on a small run, with the packaged text model."""

import json
from dataclasses import fields
from datetime import date

import numpy as np
import pytest

import jobs.stages.embed_items.job
from jobs.config.learning import EmbedConfig
from jobs.errors import ConfigError, DataError, MissingStepError
from jobs.infra.blocks import Blocks
from jobs.infra.tables import ITEM_VECTORS, TEXT_VECTORS
from jobs.infra.tables import ITEMS as TABLE
from jobs.infra.vector_store import VectorStore, VectorWriter
from jobs.stages.embed_items.arrays import write_item_vectors
from lookup import keys
from lookup.scoring.cold_start import ColdStartEncoder
from lookup.scoring.parts import Part
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder
from tests.jobs import small_run

ITEMS, BEHAVIOUR = 24, 4
COLD = (2, 10, 12, 21)  # two with the same text, one without any
KEPT = 23
"""An item without events that has vectors in the model, as one that began with another shop's has."""


def model_rows():
    rng = np.random.default_rng(3)
    return [
        {
            "item_id": f"i{n}",
            "input": rng.normal(size=BEHAVIOUR).astype("float32").tolist(),
            "output": rng.normal(size=BEHAVIOUR).astype("float32").tolist(),
            "bias": float(-n),
            "events": 0 if n == KEPT else 3,
        }
        for n in range(ITEMS)
        if n not in COLD
    ] + [{"item_id": "gone", "input": [9.0] * 4, "output": [9.0] * 4, "bias": 99.0, "events": 1}]


LABELS = {
    name: np.random.default_rng(n).normal(size=BEHAVIOUR).astype(np.float32)
    for n, name in enumerate(["category=BAKERY", "category=DRINKS", "price=1", "word=apple", "word=pie"])
}
MAPS = np.random.default_rng(8).normal(size=(2, 2, 2)).astype(np.float32)
FOLLOW = (
    np.full((ITEMS - len(COLD) + 1, 3), -1, dtype=np.int32),
    np.zeros((ITEMS - len(COLD) + 1, 3), np.float32),
    np.random.default_rng(6).normal(size=ITEMS - len(COLD) + 1).astype(np.float32),
)
FOLLOW[0][:2] = [[1, 20, 2], [0, -1, -1]]  # number 20 is "gone", number 2 is item 3
FOLLOW[1][:2] = [[3.0, 2.0, -1.0], [1.5, 0.0, 0.0]]


@pytest.fixture(scope="module")
def done(spark, tmp_path_factory):
    made = small_run.config(tmp_path_factory.mktemp("embed"))
    small_run.write(spark, made, small_run.items(ITEMS), small_run.events([("a", 1, 1.0)]))
    small_run.write_model(spark, made, model_rows(), labels=LABELS, maps=MAPS, follow=FOLLOW)
    counts = jobs.stages.embed_items.job.run(spark, made)
    return made, counts


def arrays(made):
    store = VectorStore.of(made.run)
    return np.array(store.array("item_input")), np.array(store.array("item_vector"))


def space(made):
    return VectorStore.of(made.run).space


def test_counts_and_space(done):
    made, counts = done
    assert counts["items"] == ITEMS
    assert counts["texts"] == 6
    assert counts["cold_items"] == len((*COLD, KEPT))
    assert counts["devices"] == ["cpu"]
    assert counts["gpus_lent"] == []
    assert counts["texts_per_second"] > 0
    about = space(made)
    assert (about.items, about.dimensions) == (ITEMS, BEHAVIOUR + 3 + 1)
    assert (about.model, about.text_model, about.look_model) == ("m1", made.embed.model, None)
    assert about.trained_until == date(2026, 2, 16)
    parameters = about.score_parameters
    # The heads, the text (which fades as they do on average), the followers and what was had as the model was fitted.
    mix, widths = ((0.75, 0.25), (0.5, 0.5), (0.625, 0.375)), (2, 2, 3)
    parts = (Part("behaviour", 2), Part("text", 1, made.embed.weight, cosine=counts["text_cosine"]))
    encoder = UserEncoder((7.0, float("inf")), mix, widths, parts)
    kept = {"kept_share": 0.25, "kept_next": 0.0}
    assert parameters == ScoreParameters(encoder, (0.5, 0.25), 1.0, (0.5, 0.25), repeat_weight=2.0, **kept)
    assert len(about.space_id) == 16
    int(about.space_id, 16)


def test_trained_items_keep_their_behaviour(done):
    made, _ = done
    x, v = arrays(made)
    assert x.dtype == v.dtype == np.float32
    assert x.shape == v.shape == (ITEMS, BEHAVIOUR + 3 + 1)
    for row in model_rows()[:-1]:
        n = int(row["item_id"][1:])
        np.testing.assert_array_equal(x[n, :BEHAVIOUR], np.float32(row["input"]))
        np.testing.assert_array_equal(v[n, :BEHAVIOUR], np.float32(row["output"]))
        assert n == KEPT or v[n, -1] == row["bias"]
    assert not x[:, -1].any()


def test_text_part(done):
    made, _ = done
    x, v = arrays(made)
    t = x[:, BEHAVIOUR:-1]
    np.testing.assert_allclose(v[:, BEHAVIOUR:-1], made.embed.weight * t, rtol=1e-6)
    blank = [n for n in range(ITEMS) if not small_run.TEXTS[n % 8]]
    assert not t[blank].any()
    filled = [n for n in range(ITEMS) if n not in blank]
    np.testing.assert_allclose(np.linalg.norm(t[filled], axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(t[0], t[8])  # the same text
    assert t[3] @ t[4] > t[3] @ t[6]  # dog food is nearer to cat food than to window cleaner


def test_cold_items_take_behaviour_from_their_labels(done):
    made, _ = done
    x, v = arrays(made)
    biases = sorted(row["bias"] for row in model_rows() if row["item_id"] not in ("gone", f"i{KEPT}"))
    lowest = biases[: int(len(biases) * EmbedConfig().cold_bias) + 1]
    for n in (*COLD, KEPT):
        assert np.isfinite(v[n]).all()
        assert v[n, -1] in lowest
    # 2 and 10 are apple pies of the bakery, of the same price as all; of the others only the price is a label.
    attributes, said = LABELS["category=BAKERY"] + LABELS["price=1"], LABELS["word=apple"] + LABELS["word=pie"]
    e = (attributes + said) / np.sqrt(2)
    for n in (2, 10):
        for head, part in enumerate((slice(0, 2), slice(2, 4))):
            np.testing.assert_allclose(x[n, part], e[part] @ MAPS[head], rtol=1e-4)
            unit = e[part] / np.linalg.norm(e[part])
            np.testing.assert_allclose(v[n, part], unit / small_run.TRAIN.temperature / 2, rtol=1e-4)
    np.testing.assert_array_equal(x[12, :BEHAVIOUR], x[21, :BEHAVIOUR])
    np.testing.assert_allclose(x[12, :2], LABELS["price=1"][:2] @ MAPS[0], rtol=1e-4)
    np.testing.assert_array_equal(v[12, BEHAVIOUR:-1], v[4, BEHAVIOUR:-1])


def test_the_day_describes_items_that_nobody_had_as_the_night_did(done, spark):
    made, _ = done
    x, v = arrays(made)
    store = VectorStore.of(made.run)
    names = store.labels
    known = keys.Keys(*keys.build(names))
    order = [names.index(known.id(row)) for row in range(len(names))]
    vectors, maps, texts = (store.array(f"label_{part}") for part in ("vector", "map", "text"))
    fact = store.space.cold_start
    describer = ColdStartEncoder(known, vectors[order], maps, [(store.encoder.parts[1], texts[order])], fact)
    rows = {row["item"]: row for row in made.run.read(spark, TABLE).collect()}
    for n in COLD:
        row = rows[n]
        day_x, day_v = describer.vectors(row["category"], row["brand"], row["price"], row["text"] or "")
        np.testing.assert_allclose(day_x[:BEHAVIOUR], x[n, :BEHAVIOUR], atol=1e-5)
        np.testing.assert_allclose(day_v[:BEHAVIOUR], v[n, :BEHAVIOUR], atol=1e-5)
        assert day_v[-1] == v[n, -1]


def test_followers_have_rows_of_the_shop(done):
    made, counts = done
    store = VectorStore.of(made.run)
    items, weights = (store.array(f"item_next_{part}") for part in ("item", "weight"))
    assert items.shape == weights.shape == (ITEMS, 3)
    assert (items.dtype, weights.dtype) == (np.int32, np.float32)
    assert items[:2].tolist() == [[1, -1, 3], [0, -1, -1]]
    assert weights[:2].tolist() == [[3.0, 0.0, -1.0], [1.5, 0.0, 0.0]]
    assert counts["followers"] == (items >= 0).sum() == 3
    again = store.array("item_repeat")
    assert again.dtype == np.float32
    np.testing.assert_array_equal(np.delete(again, COLD), FOLLOW[2][:-1])
    np.testing.assert_array_equal(again[list(COLD)], np.median(FOLLOW[2]))


def test_tables(done, spark):
    made, _ = done
    _, v = arrays(made)
    rows = made.run.read(spark, ITEM_VECTORS).collect()
    assert sorted(row["item"] for row in rows) == list(range(ITEMS))
    for row in rows:
        np.testing.assert_array_equal(np.float32(row["vector"]), v[row["item"]])
    texts = made.run.read(spark, TEXT_VECTORS).collect()
    assert {row["text"]: row["items"] for row in texts} == {text: 3 for text in small_run.TEXTS if text}


def test_every_setting_is_known_to_change_the_space_or_not():
    """Vectors of different spaces are never mixed, so the space_id must change with what changes the coordinates."""
    in_the_space = {"model", "dimensions", "weight", "max_tokens"}
    beside_it = {"cold_bias", "batch_tokens", "precision", "pickles"}  # a bias, and how texts are computed and loaded
    known = in_the_space | beside_it
    assert {one.name for one in fields(EmbedConfig)} == known, "a new setting belongs to `parts` in embed_items/job.py"


def test_again_is_the_same(done, spark):
    made, counts = done
    before = arrays(made)
    again = jobs.stages.embed_items.job.run(spark, made)
    assert again["space_id"] == counts["space_id"]
    assert (counts["space_kept"], again["space_kept"]) == (False, True)
    for old, new in zip(before, arrays(made), strict=True):
        np.testing.assert_array_equal(old, new)


def test_no_model(spark, tmp_path):
    made = small_run.config(tmp_path)
    small_run.write(spark, made, small_run.items(3), [])
    with pytest.raises(MissingStepError, match="daybreak job train"):
        jobs.stages.embed_items.job.run(spark, made)


def test_wrong_text_model(spark, tmp_path):
    made = small_run.config(tmp_path, embed=EmbedConfig(model="./models/none"))
    with pytest.raises(ConfigError, match=r"models/none"):
        jobs.stages.embed_items.job.run(spark, made)


def test_a_model_of_another_version(spark, tmp_path):
    made = small_run.config(tmp_path)
    small_run.write(spark, made, small_run.items(3), [])
    small_run.write_model(spark, made, model_rows(), labels=LABELS, maps=MAPS, follow=FOLLOW)
    about = next(made.models.glob("*/model.json"))
    facts = json.loads(about.read_text())
    facts["settings"]["repeats"] = True
    about.write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match=r"model.json: unknown key settings.repeats; .*train one with `--full`"):
        jobs.stages.embed_items.job.run(spark, made)


def test_missing_row(spark, tmp_path):
    made = small_run.config(tmp_path)
    rows = [(0, [1.0], [1.0]), (0, [1.0], [1.0])]
    made.run.write(ITEM_VECTORS, spark.createDataFrame(rows, ITEM_VECTORS.ddl))
    with pytest.raises(DataError, match="item 1 is not among them"):
        write_item_vectors(Blocks.of(made.run, "item_vectors"), VectorWriter(tmp_path), 1)
