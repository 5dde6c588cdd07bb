"""The job embed_items on items with pictures, with a tiny vision model."""

import hashlib

import numpy as np
import pytest

import jobs.stages.embed_items.job
from jobs.config.learning import ImagesConfig
from jobs.infra.tables import LOOK_VECTORS, PICTURE_QUARANTINE, PICTURES
from jobs.infra.vector_store import VectorStore
from jobs.models.content.space import WithinCategories
from jobs.stages.embed_items.spark.vectors import ContentVectors, _within
from tests.jobs import small_run
from tests.jobs.stages.embed_items.test_job import FOLLOW, ITEMS, LABELS, MAPS, arrays, model_rows, space
from tests.pictures import clip_model, picture

BEHIND = {0: (250, 10, 10), 1: (10, 10, 250), 3: (250, 12, 10), 4: (10, 250, 10)}
"""Items with a picture of their own, by its colour."""


@pytest.fixture(scope="module")
def seen(spark, tmp_path_factory):
    """A run in which some items have pictures: files, one that is in the table itself, and some that cannot be used."""
    base = tmp_path_factory.mktemp("looks")
    model = clip_model(base / "clip")
    images = ImagesConfig(model=str(model), dimensions=3, weight=0.5, folder="pictures", max_bytes=2000, batch=2)
    made = small_run.config(base, images=images)
    rows = small_run.items(ITEMS)
    (base / "pictures").mkdir()
    for n, colour in BEHIND.items():
        (base / "pictures" / f"{n}.png").write_bytes(picture(colour))
        rows[n]["image"] = f"{n}.png"
    (base / "pictures" / "copy.png").write_bytes(picture(BEHIND[0]))
    (base / "pictures" / "text.png").write_text("no picture")
    own = picture(BEHIND[1], kind="JPEG")
    digest = f"sha256:{hashlib.sha256(own).hexdigest()}"
    others = {5: "copy.png", 6: "0.png", 7: digest, 8: "text.png", 9: "../config.toml", 10: "none.png", 11: " "}
    for n, address in others.items():
        rows[n]["image"] = address
    made.run.write(PICTURES, spark.createDataFrame([(digest, bytearray(own))], PICTURES.ddl))
    small_run.write(spark, made, rows, small_run.events([("a", 1, 1.0)]))
    small_run.write_model(spark, made, model_rows(), labels=LABELS, maps=MAPS, follow=FOLLOW)
    return made, jobs.stages.embed_items.job.run(spark, made)


def test_pictures_make_one_more_part(seen):
    made, counts = seen
    encoder = space(made).score_parameters.encoder
    assert [(part.name, part.weight, encoder.width(part.name)) for part in encoder.parts] == [
        ("behaviour", 1.0, 4), ("text", made.embed.weight, 3), ("look", 0.5, 3),
    ]  # fmt: skip
    assert space(made).look_model == made.images.model
    x, v = arrays(made)
    look = x[:, encoder.place("look")]
    np.testing.assert_allclose(v[:, encoder.place("look")], 0.5 * look)
    with_pictures = [*BEHIND, 5, 6, 7]
    np.testing.assert_allclose(np.linalg.norm(look[with_pictures], axis=1), 1.0, rtol=1e-5)
    assert not np.delete(look, with_pictures, axis=0).any()
    np.testing.assert_array_equal(look[0], look[5])  # the same bytes elsewhere
    np.testing.assert_array_equal(look[0], look[6])
    assert look[0] @ look[3] > look[0] @ look[4]
    assert VectorStore.of(made.run).array("label_look").shape == (len(LABELS), 3)
    assert VectorStore.of(made.run).array("look_basis").shape == (6, 3)
    assert counts["items_with_pictures"] == len(with_pictures)
    assert counts["pictures"] == len(BEHIND) + 1


def test_equal_pictures_are_embedded_once(seen, spark):
    made, _ = seen
    rows = {row["image"]: row for row in made.run.read(spark, LOOK_VECTORS).collect()}
    assert rows["0.png"]["sha256"] == rows["copy.png"]["sha256"]
    assert rows["0.png"]["vector"] == rows["copy.png"]["vector"]
    assert rows["0.png"]["items"] == 2
    assert not made.run.path("fetched").exists()


def test_pictures_that_cannot_be_used_are_set_aside(seen, spark):
    made, counts = seen
    rows = made.run.read(spark, PICTURE_QUARANTINE).collect()
    assert {(row["row"], row["file"], row["reason"]) for row in rows} == {
        (8, "text.png", "neither JPEG, PNG nor WebP"),
        (9, "../config.toml", "its file is outside of images.folder"),
        (10, "none.png", "there is no such file"),
    }
    assert {row["source"] for row in rows} == {"images"}
    assert counts["pictures_set_aside"] == 3


def test_a_night_without_any_picture_has_no_look(spark, seen, tmp_path):
    images = ImagesConfig(model=seen[0].images.model)
    made = small_run.config(tmp_path, images=images)
    small_run.write(spark, made, small_run.items(ITEMS), [])
    small_run.write_model(spark, made, model_rows(), labels=LABELS, maps=MAPS, follow=FOLLOW)
    counts = jobs.stages.embed_items.job.run(spark, made)
    assert counts["items_with_pictures"] == 0
    assert space(made).look_model is None
    assert VectorStore.of(made.run).encoder.width("look") == 0


def test_the_covariance_within_categories_is_summed_by_partitions(spark):
    rng = np.random.default_rng(4)
    vectors, kinds = rng.normal(size=(40, 3)).astype(np.float32), rng.integers(0, 4, 40)
    paths = [["ALL", f"c{kind}"] if kind else [] for kind in kinds]
    rows = list(zip(paths, vectors.tolist(), strict=True))
    frame = spark.createDataFrame(rows, "category array<string>, vector_look array<float>").repartition(3)
    found = _within(frame, ContentVectors("look", frame, "image", 3, 2, 1.0, by_category=True))
    np.testing.assert_allclose(found, WithinCategories.of(vectors, kinds - 1, 3).covariance(), atol=1e-6)
