"""Texts that were embedded before are not embedded again, and the night is the same as one that embeds all."""

import shutil

import numpy as np
import pytest

import jobs.stages.embed_items.job
from jobs.errors import DataError
from jobs.infra.kept.store import SEGMENT
from jobs.infra.tables import ITEMS as TABLE
from jobs.infra.tables import TEXT_VECTORS
from jobs.models.content import text_encoder
from tests.jobs import small_run
from tests.jobs.stages.embed_items.test_job import FOLLOW, ITEMS, LABELS, MAPS, arrays, model_rows

CHANGED, GONE, SAME_AS = 3, 4, 6
"""Items: one gets a text that nobody had; all with one text get none; one gets the text of another."""


def with_changes(rows):
    for row in rows:
        if row["text"] == small_run.TEXTS[GONE]:
            row["text"] = None
    rows[CHANGED]["text"] = "dog food, wet"
    rows[SAME_AS]["text"] = rows[0]["text"]
    return rows


@pytest.fixture(scope="module")
def nights(spark, tmp_path_factory):
    """A night; one with changes after it; and that one with nothing to take over. Each with its counts and arrays."""
    made = small_run.config(tmp_path_factory.mktemp("kept"))
    small_run.write(spark, made, small_run.items(ITEMS), small_run.events([("a", 1, 1.0)]))
    small_run.write_model(spark, made, model_rows(), labels=LABELS, maps=MAPS, follow=FOLLOW)

    def night():
        counts = jobs.stages.embed_items.job.run(spark, made)
        texts = made.run.read(spark, TEXT_VECTORS).collect()
        return counts, arrays(made), [tuple(row) for row in texts]

    first = night()
    small_run.write(spark, made, with_changes(small_run.items(ITEMS)), small_run.events([("a", 1, 1.0)]))
    second = night()
    shutil.rmtree(made.work / "vectors")
    return made, first, second, night()


def counted(night):
    return {name: night[0][f"texts_{name}"] for name in ("new", "taken_over", "dropped")}


def test_only_new_texts_are_embedded(nights):
    _, first, second, full = nights
    assert counted(first) == {"new": 6, "taken_over": 0, "dropped": 0}
    assert counted(second) == {"new": 1, "taken_over": 5, "dropped": 0}
    assert counted(full) == {"new": 6, "taken_over": 0, "dropped": 0}
    assert second[0]["texts"] == full[0]["texts"] == 6
    assert second[0]["devices"] == ["cpu"]


def test_the_night_is_that_which_embeds_all(nights):
    _, _, second, full = nights
    assert [row[:2] for row in second[2]] == [row[:2] for row in full[2]]  # in the same order
    for one, other in zip(second[2], full[2], strict=True):
        np.testing.assert_allclose(one[2], other[2], atol=1e-6)
    for one, other in zip(second[1], full[1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_damaged_file_is_made_anew(nights, spark, capsys):
    made, _, _, full = nights
    before = [np.array(one) for one in full[1]]
    for note in made.work.glob(f"vectors/*/*/{SEGMENT}"):
        for file in note.parent.glob("*.parquet"):
            file.write_bytes(file.read_bytes()[:-5])
    counts = jobs.stages.embed_items.job.run(spark, made)
    assert counts["texts_new"] == 6
    assert "vectors-damaged" in capsys.readouterr().out
    for one, other in zip(before, arrays(made), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_text_model_that_changes_meanwhile_is_told(nights, spark, monkeypatch):
    made, *_ = nights
    names = iter(["one", "one", "two"])
    monkeypatch.setattr(text_encoder, "identity", lambda *_: next(names, "two"))
    monkeypatch.setattr("jobs.models.content.fingerprint.identity", text_encoder.identity)
    with pytest.raises(DataError, match="changed while the night read it"):
        jobs.stages.embed_items.job.run(spark, made)
    assert made.run.read(spark, TABLE).count() == ITEMS
