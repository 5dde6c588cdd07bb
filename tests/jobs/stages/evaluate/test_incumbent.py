"""The incumbent as a contestant: its numbers at this run's rows, or none and a reason."""

import tracemalloc
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.infra.vector_store import ITEM_ARRAYS, VectorStore
from jobs.stages.evaluate import incumbent
from jobs.stages.evaluate.contestants import Contestant
from jobs.stages.evaluate.incumbent import ABSENT, prepare
from lookup import Release
from lookup.release import pointer
from tests.releases import make_release
from tests.run_tables import NIGHT, Sizes

UNTIL = date(2026, 11, 8)
"""Until when the model of that release was trained."""
OURS = [f"item-{n}" for n in range(40, 5, -1)] + ["new-1", "new-2"]


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("incumbent")
    make_release(base, seed=3, night=NIGHT)
    return base


def arrays(folder: Path) -> dict[str, np.ndarray]:
    return {array.name: np.array(VectorStore(folder).array(array.name)) for array in ITEM_ARRAYS}


@pytest.mark.parametrize("block", [1, 10, 8192])
def test_items_have_the_rows_of_this_run(base, tmp_path, monkeypatch, block):
    monkeypatch.setattr(incumbent, "BLOCK", block)
    current = pointer.read(base / "releases")
    release = Release(base / "releases" / current)
    assert prepare(base / "releases", OURS, UNTIL, tmp_path / "made") == (current, release.score_parameters)
    found = arrays(tmp_path / "made")
    follows = 0
    assert found["item_repeat"].dtype == np.float32
    for row, item in enumerate(OURS):
        theirs = release.items.find(item)
        if theirs < 0:
            assert not found["item_input"][row].any()
            assert found["item_vector"][row].tolist() == [0.0] * 5 + [ABSENT]
            assert (found["item_next_item"][row] == -1).all()
            assert found["item_repeat"][row] == ABSENT
            continue
        assert found["item_repeat"][row] == release.item_repeat[theirs]
        np.testing.assert_array_equal(found["item_input"][row], release.item_input[theirs])
        np.testing.assert_array_equal(found["item_vector"][row], release.item_vector[theirs])
        pairs = zip(release.next_item[theirs], release.next_weight[theirs], strict=True)
        expected = {release.items.id(i): w for i, w in pairs if i >= 0 and release.items.id(i) in OURS}
        own = zip(found["item_next_item"][row], found["item_next_weight"][row], strict=True)
        assert {OURS[i]: w for i, w in own if i >= 0} == expected
        follows += len(expected)
    assert follows > 10
    assert not found["item_next_weight"][found["item_next_item"] == -1].any()


@pytest.mark.parametrize("kept", [1.0, 0.25, 0.0])
@pytest.mark.parametrize("length", [5, 60])
def test_items_that_the_release_does_not_know_are_not_listed(base, tmp_path, length, kept):
    """Not even where it knows fewer items than a list is long; and though the user bought one of them, of whose score
    little counts.
    """
    _, parameters = prepare(base / "releases", OURS, UNTIL, tmp_path / "made")
    histories = {"items": [[0, 35], [36]], "ages": [[1.0, 2.0], [3.0]], "weights": [[1.0, 1.0], [1.0]]}
    batch = pa.RecordBatch.from_pydict(histories)
    contestant = Contestant(VectorStore(tmp_path / "made"), replace(parameters, kept_share=kept))
    found = contestant.lists(batch, length, None, 16, "cpu")
    for row in found.tolist():
        listed = [item for item in row if item >= 0]
        assert len(set(listed)) == len(listed) == min(length, 35)
        assert max(listed) < 35
        assert row[len(listed) :] == [-1] * (length - len(listed))


def test_a_release_that_saw_held_out_days_is_refused(base, tmp_path, capsys):
    """A leak: its model knows what it would be asked."""
    before = date(2026, 11, 7)
    assert prepare(base / "releases", OURS, before, tmp_path / "made") is None
    assert "evaluate not compared why=" in capsys.readouterr().out
    assert not (tmp_path / "made").exists()
    assert prepare(base / "releases", OURS, date(2026, 11, 9), tmp_path / "made") is not None


def test_a_damaged_release_is_refused(tmp_path, capsys):
    release = make_release(tmp_path)
    path = tmp_path / "releases" / release / "arrays" / "item_input.npy"
    path.write_bytes(path.read_bytes()[:-1])
    assert prepare(tmp_path / "releases", OURS, NIGHT, tmp_path / "made") is None
    assert "item_input.npy" in capsys.readouterr().out


def test_where_there_is_no_release_nothing_is_said(tmp_path, capsys):
    assert prepare(tmp_path / "releases", OURS, NIGHT, tmp_path / "made") is None
    assert capsys.readouterr().out == ""


def test_vectors_are_never_in_memory_together(tmp_path, monkeypatch):
    make_release(tmp_path, sizes=Sizes(items=3000, users=1, dimensions=200))
    items = [f"item-{n}" for n in range(3000)]
    monkeypatch.setattr(incumbent, "BLOCK", 100)
    tracemalloc.start()
    assert prepare(tmp_path / "releases", items, NIGHT, tmp_path / "made") is not None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert VectorStore(tmp_path / "made").array("item_vector").nbytes == 2_400_000
    assert peak < 1_200_000
