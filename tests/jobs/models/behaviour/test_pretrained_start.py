"""A fit that begins with another shop's model: what it begins with, and what items without events keep."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp

from jobs.models.behaviour import model_store
from jobs.models.behaviour.fit import fit_files
from jobs.models.behaviour.pretrained_start import PretrainedStart
from tests.jobs.models.made import inputs, round_and_round, settings

HEADS, D = 2, 8


def begun(attributes: sp.csr_array, **changed) -> tuple[np.ndarray, PretrainedStart]:
    """The pretrained vectors of the items, and the start from them."""
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(HEADS, attributes.shape[0], D)).astype(np.float32)
    maps = rng.normal(size=(HEADS, D, D)).astype(np.float32)
    mix = np.log(np.float32([[0.9, 0.1]] * HEADS))
    start = PretrainedStart.of(vectors, attributes, maps, mix, 7.0)
    return vectors, dataclasses.replace(start, **changed)


def fitted(folder, files, made, start, **changed):
    made.write(folder)
    start.write(folder)
    losses = fit_files(files, folder, settings(heads=HEADS, dimensions=D, **changed), "cpu")
    return losses, dict(np.load(folder / model_store.FITTED)), dict(np.load(folder / model_store.WEIGHTS))


def test_items_and_their_labels_add_up_to_the_pretrained_vectors(tmp_path):
    attributes = inputs(attributes=5).attributes
    vectors, start = begun(attributes)
    found = np.stack([start.own[head] + attributes @ start.label[head] for head in range(HEADS)])
    np.testing.assert_allclose(found, vectors, atol=1e-4)
    assert np.linalg.norm(start.own) < np.linalg.norm(vectors)  # the labels take a part
    start.write(tmp_path)
    assert PretrainedStart.read(tmp_path).digest == start.digest
    assert dataclasses.replace(start, alike=8.0).digest != start.digest


def test_without_users_the_model_is_the_other_shops(tmp_path):
    made = inputs(attributes=5)
    made = dataclasses.replace(made, events=np.arange(20) % 3)
    vectors, start = begun(made.attributes)
    losses, found, _ = fitted(tmp_path, [], made, start, popularity=1.0, follow_alike=2.0)
    assert losses == []
    for head in range(HEADS):
        part = slice(head * D, (head + 1) * D)
        np.testing.assert_allclose(found["x"][:, part], vectors[head] @ start.map[head], atol=1e-3)
        unit = vectors[head] / np.linalg.norm(vectors[head], axis=1, keepdims=True)
        np.testing.assert_allclose(found["y"][:, part], unit / (0.1 * HEADS), atol=1e-2)
    np.testing.assert_allclose(found["mix"], [[0.9, 0.1]] * HEADS, rtol=1e-4)
    assert found["bias"][2] > found["bias"][1]  # two events, and one
    np.testing.assert_allclose(found["next_weight"].max(), 7.0, rtol=1e-5)  # items with the same label are alike


def test_items_without_events_keep_what_they_began_with(tmp_path):
    made = inputs(attributes=5)
    files = round_and_round(tmp_path)
    more = 4  # items that no user has
    attributes = sp.csr_array(sp.vstack([made.attributes, made.attributes[:more]]))
    whole = model_store.Inputs(
        np.append(made.rows, 100 + np.arange(more)), np.append(made.events, [0] * more), attributes
    )
    _, start = begun(attributes)
    losses, found, weights = fitted(tmp_path, files, whole, start)
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(weights["own"][:, 20:], start.own[:, 20:])
    assert not np.allclose(weights["own"][:, :20], start.own[:, :20], atol=1e-3)
    assert not np.allclose(weights["label"], start.label, atol=1e-3)  # what was learned of labels is known of all
    e = weights["own"][0, 20:] + attributes[20:] @ weights["label"][0]
    np.testing.assert_allclose(found["x"][20:, :D], e @ weights["map"][0], atol=1e-3)
    assert found["next_item"].max() < 20
    assert (found["next_item"][20:] == -1).all()
    assert len(found["bias"]) == len(found["item_repeat"]) == 24


@pytest.mark.parametrize("mix", [True, False])
def test_other_half_lives_are_learned_anew(tmp_path, mix):
    made = inputs(attributes=5)
    empty = {} if mix else {"mix_logits": np.zeros((0, 0), np.float32)}
    _, start = begun(made.attributes, **empty)
    _, found, _ = fitted(tmp_path, [], made, start)
    np.testing.assert_allclose(found["mix"][0], [0.9, 0.1] if mix else [0.5, 0.5], rtol=1e-3)


def test_a_fit_that_was_killed_goes_on_only_from_the_same_start(tmp_path, capsys):
    made = inputs(attributes=5)
    files = round_and_round(tmp_path)
    _, start = begun(made.attributes)
    first = fitted(tmp_path, files, made, start)[1]
    capsys.readouterr()
    again = fitted(tmp_path, files, made, start)[1]
    assert "train resumed epochs=3" in capsys.readouterr().out
    np.testing.assert_array_equal(first["x"], again["x"])
    fitted(tmp_path, files, made, dataclasses.replace(start, own=start.own * 2))
    assert "resumed" not in capsys.readouterr().out
