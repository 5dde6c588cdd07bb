"""The folder of vectors: read back as written, and refused with the name of the file where something does not fit."""

import json
import pickle
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import DataError, MissingStepError
from jobs.infra.runs import Run
from jobs.infra.vector_store import (
    FOLDER,
    VECTOR_ARRAYS,
    VectorSpace,
    VectorStore,
    VectorWriter,
    array_path,
    writing_vectors,
)
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder
from tests.vectors import space_of, write_store

ITEMS, LABELS = 4, ["brand=Acme", "word=tea"]
ENCODER = UserEncoder((7.0, float("inf")), ((0.75, 0.25), (0.1, 0.9)), (2, 1))
PARAMETERS = ScoreParameters(ENCODER, (0.5, 0.5), 0.5, (0.5, 1.0), repeat_weight=2.0, kept_share=0.5)
DIMS = {"I": ITEMS, "D": 4, "H": 2, "T": 1, "W": 0, "X": 0, "L": 2, "N": 3, "Q": 2}


def made() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {array.name: [DIMS[letter] for letter in array.shape] for array in VECTOR_ARRAYS}
    return {array.name: (rng.normal(size=shapes[array.name]) * 9).astype(array.dtype) for array in VECTOR_ARRAYS}


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    return write_store(tmp_path / "vectors", made(), PARAMETERS, LABELS)


def test_what_is_written_is_read(store: VectorStore) -> None:
    assert store.dims() == DIMS
    for name, values in made().items():
        np.testing.assert_array_equal(store.array(name), values)
        assert store.array(name).dtype == values.dtype
        assert not store.array(name).flags.writeable
    assert store.labels == LABELS
    assert store.space == space_of(ITEMS, 4, PARAMETERS)
    assert store.score_parameters == PARAMETERS
    assert store.encoder == ENCODER


def test_the_files(store: VectorStore) -> None:
    assert {path.name for path in store.folder.iterdir()} == {
        "item_input.npy", "item_vector.npy", "item_next_item.npy", "item_next_weight.npy", "item_repeat.npy",
        "label_vector.npy", "label_map.npy", "label_text.npy", "label_look.npy", "look_basis.npy",
        "labels.json", "space.json",
    }  # fmt: skip
    text = (store.folder / "space.json").read_text()
    facts = {
        "space_id": "0123456789abcdef", "encoder": PARAMETERS.to_json(), "items": ITEMS, "dimensions": 4,
        "model": "m1", "text_model": "none", "look_model": None, "trained_until": "2026-02-16",
        "describe": {"temperature": 0.5, "bias": -1.5, "price_bounds": [4.0, 8.0], "weight": None, "text_cosine": None},
    }  # fmt: skip
    assert text == json.dumps(facts, indent=2, sort_keys=True) + "\n"
    assert (store.folder / "labels.json").read_text() == json.dumps(LABELS)
    np.testing.assert_array_equal(np.load(store.folder / "item_vector.npy"), made()["item_vector"])


def test_a_task_gets_the_folder_and_not_the_arrays(store: VectorStore) -> None:
    store.dims()
    sent = pickle.dumps(store)
    assert len(sent) < 500
    np.testing.assert_array_equal(pickle.loads(sent).array("item_vector"), store.array("item_vector"))


def test_an_array_that_is_filled_block_by_block(tmp_path: Path) -> None:
    with VectorWriter(tmp_path).create("item_vector", (3, 2)) as out:
        assert not out.any()
        out[1] = 5.0
    assert VectorStore(tmp_path).array("item_vector").tolist() == [[0, 0], [5, 5], [0, 0]]


@pytest.mark.parametrize("array", VECTOR_ARRAYS, ids=lambda array: array.name)
def test_every_array_must_be_there_and_fit(store: VectorStore, array) -> None:
    """A new array of the statement that `embed_items` does not write fails here by its name."""
    path, values = array_path(store.folder, array.name), made()[array.name]
    np.save(path, values.astype(np.float64))
    with pytest.raises(DataError, match=rf"{array.name}\.npy: float64 \(.*\) found; {array.dtype} \(.*\) expected"):
        VectorStore(store.folder).dims()
    np.save(path, values[None])
    with pytest.raises(
        DataError, match=rf"{array.name}\.npy: .* found; {array.dtype} \({', '.join(array.shape)}\) exp"
    ):
        VectorStore(store.folder).dims()
    np.save(path, values)
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.write(path, "values.npy")
    whole = path.read_bytes()
    for content in (b"", b"no array", whole[:40], whole[:-1], path.with_suffix(".zip").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"{array.name}\.npy: not readable as an array"):
            VectorStore(store.folder).dims()
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match=rf"{array.name}\.npy: not readable as an array"):
        VectorStore(store.folder).dims()
    path.unlink()
    with pytest.raises(DataError, match=rf"{array.name}\.npy is missing; `embed_items` writes it"):
        VectorStore(store.folder).dims()


def test_arrays_that_do_not_fit_each_other(store: VectorStore) -> None:
    np.save(array_path(store.folder, "item_next_weight"), np.zeros((ITEMS, 2), np.float32))
    with pytest.raises(DataError, match=r"item_next_weight\.npy: float32 \(4, 2\) found; float32 \(4, 3\) expected"):
        VectorStore(store.folder).dims()
    store.array("item_next_item")
    with pytest.raises(DataError, match=r"float32 \(4, 3\) expected"):  # without a space, by what was opened before
        store.array("item_next_weight")
    with pytest.raises(DataError, match=r"item_vector\.npy: float32 \(4,\) found; float32 \(I, D\) expected"):
        VectorWriter(store.folder).write("item_vector", np.zeros(4, np.float32))


def test_the_space_says_how_large_the_arrays_are(store: VectorStore) -> None:
    VectorWriter(store.folder).space(replace(store.space, items=5))
    with pytest.raises(DataError, match=r"item_input\.npy: float32 \(4, 4\) found; float32 \(5, 4\) expected"):
        VectorStore(store.folder).dims()


@pytest.mark.parametrize("name", sorted(space_of(1, 4, PARAMETERS).to_json()))
def test_a_space_of_another_version_is_refused(store: VectorStore, name: str) -> None:
    path = store.folder / "space.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({other: value for other, value in facts.items() if other != name}))
    with pytest.raises(DataError, match=rf"space\.json: not a space of this version \(KeyError\('{name}'\)\)"):
        _ = store.space


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("space.json", "{", "space.json: not readable as JSON"),
        ("space.json", "[]", "space.json: not a space of this version"),
        ("labels.json", '{"a": 1}', "labels.json: a list of texts expected"),
    ],
)
def test_json_that_is_not_as_expected(store: VectorStore, name: str, text: str, said: str) -> None:
    (store.folder / name).write_text(text)
    with pytest.raises(DataError, match=said):
        store.dims()
    (store.folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        VectorStore(store.folder).dims()


def test_an_encoder_that_is_not_readable(store: VectorStore) -> None:
    path = store.folder / "space.json"
    facts = json.loads(path.read_text())
    del facts["encoder"]["repeat"]
    path.write_text(json.dumps(facts))
    with pytest.raises(DataError, match=r"space\.json: not a space of this version .*repeat"):
        _ = store.space


def test_a_run_gets_complete_vectors_or_keeps_the_old(tmp_path: Path) -> None:
    run = Run(tmp_path, date(2026, 3, 2))
    with pytest.raises(MissingStepError, match="daybreak job embed_items"):
        VectorStore.of(run)
    with writing_vectors(run) as writer:
        write_store(writer.folder, made(), PARAMETERS, LABELS)
    assert VectorStore.of(run).folder == run.path(FOLDER)
    with pytest.raises(DataError, match=r"space\.json is missing"), writing_vectors(run) as writer:
        writer.labels(["word=coffee"])
    assert VectorStore.of(run).labels == LABELS


def test_a_space_is_what_it_was_after_json() -> None:
    space = space_of(3, 4, PARAMETERS, trained_until=date(2025, 12, 31))
    assert VectorSpace.from_json(json.loads(json.dumps(space.to_json()))) == space
