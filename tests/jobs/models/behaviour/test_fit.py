"""The fit: it learns, equal seeds give equal digits, two processes equal one, and a killed fit continues."""

import dataclasses
import multiprocessing
import os
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.distributed as dist

from jobs.models.behaviour import model_store, softmax
from jobs.models.behaviour.encoding import score_parameters
from jobs.models.behaviour.examples import batches
from jobs.models.behaviour.fit import LAST, fit, fit_files, fitted_numbers, parameter_groups, resume, save
from jobs.models.behaviour.network import BehaviourModel
from lookup.scoring.score_parameters import HistoryShares, TransitionRows
from tests.jobs.models.made import inputs, read, round_and_round, settings, write


def fitted(files: list[Path], checkpoint: Path | None = None, **changed) -> tuple[dict[str, np.ndarray], list[float]]:
    model, losses = fit(files, inputs(), settings(**changed), "cpu", checkpoint)
    return fitted_numbers(model), losses


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_it_learns_what_comes_next_and_gives_the_same_again(tmp_path):
    files = round_and_round(tmp_path)
    found, losses = fitted(files, epochs=25, dimensions=16)
    assert losses[-1] < 0.5 * losses[0]
    # After five items in a row the sixth is nearly always first; by chance it would be first once.
    made = score_parameters(settings(), [16], found["mix"].tolist(), [])
    x, y = np.pad(found["x"], ((0, 0), (0, 1))), np.hstack([found["y"], found["bias"][:, None]])
    histories = [(first + np.arange(5)) % 20 for first in range(20)]
    ages, ones, best = np.arange(5.0, 0.0, -1.0), np.ones(5), []
    for own in histories:
        scores = y @ made.encoder.user_vector(x[own], ages, ones)
        nothing = np.full((5, 1), -1, np.int32), np.zeros((5, 1), np.float32)
        own_shares = made.transition_shares(ages, ones), made.repeat_shares(ages, ones)
        transitions = TransitionRows(*nothing, found["item_repeat"][own])
        items, added = made.item_terms(HistoryShares(own, *own_shares), transitions, scores[own])
        scores[items] += added
        best.append(scores.argmax())
    assert np.sum(best == (np.arange(20) + 5) % 20) >= 15
    few, few_losses = fitted(files)
    again, same = fitted(files)
    assert (few_losses, equal(few, again)) == (same, True)
    other, _ = fitted(files, seed=8)
    assert not equal(few, other)


@pytest.mark.parametrize("changed", [{"heads": 2, "own_dropout": 0.3}, {"ordered": False}, {"samples": 4}])
def test_other_settings_are_reproducible_too(tmp_path, changed):
    files = round_and_round(tmp_path)
    (one, losses), (other, same) = fitted(files, **changed), fitted(files, **changed)
    assert losses[-1] < losses[0]
    assert (losses, equal(one, other)) == (same, True)


def test_the_fit_learns_which_items_are_bought_again(tmp_path):
    """Everybody buys one of the first ten items day after day, and one of the others only once."""
    people = [[(n % 10, day, 1.0) for day in range(6)] + [(10 + n % 10, n % 6, 1.0)] for n in range(60)]
    files = [write(tmp_path / "0.parquet", [sorted(own, key=lambda event: event[1]) for own in people])]
    model, _ = fit(files, inputs(), settings(epochs=10), "cpu")
    learned, found = model.item_repeat.detach(), fitted_numbers(model)["item_repeat"]
    assert float(model.repeat.detach()) > 1.1  # it began at 1
    assert learned[:10].min() > 0 > learned[10:].max()  # they began at 0
    assert found[:10].min() > found[10:].max()
    assert found.dtype == np.float32


def test_without_repeats_items_of_the_history_come_last(tmp_path):
    found, _ = fitted(round_and_round(tmp_path), repeat=0.0)
    np.testing.assert_array_equal(found["item_repeat"], np.full(20, LAST))
    assert found["item_repeat"].dtype == np.float32


def test_few_samples_learn_about_what_the_full_softmax_does(tmp_path):
    """Users go round 20 items; a step has all items of 2 users and 3 others."""
    files, few = round_and_round(tmp_path), {"users_per_batch": 2, "epochs": 6, "dimensions": 16}
    losses = []
    for samples in (0, 3):
        model, _ = fit(files, inputs(), settings(**few, samples=samples), "cpu")
        batch = next(batches(files, read, settings(users_per_batch=100), np.random.default_rng(1)))
        with torch.no_grad():  # of all items, as a fitted model is used
            losses.append(float(model.loss(batch)))
    assert losses[0] < 1.5  # of log 20 = 3
    assert losses[1] == pytest.approx(losses[0], abs=0.25)


class KilledError(Exception):
    pass


def test_a_killed_fit_goes_on_to_the_same_digits(tmp_path, monkeypatch, capsys):
    files, checkpoint = round_and_round(tmp_path), tmp_path / "checkpoint.pt"
    whole, losses = fitted(files)

    def save_one(*arguments) -> None:
        save(*arguments)
        raise KilledError

    monkeypatch.setattr("jobs.models.behaviour.fit.save", save_one)
    with pytest.raises(KilledError):
        fitted(files, checkpoint)
    with pytest.raises(KilledError):
        fitted(files, checkpoint)
    monkeypatch.undo()
    capsys.readouterr()
    resumed, found = fitted(files, checkpoint)
    assert "train resumed epochs=2" in capsys.readouterr().out
    assert (found, equal(resumed, whole)) == (losses, True)
    # Done already: nothing is left to do, and it is the same.
    assert equal(fitted(files, checkpoint)[0], whole)


class Hostile:
    """A pickle of it runs a program when it is loaded."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("kind", ["hostile", "cut"])
def test_a_file_that_is_no_checkpoint_is_ignored_and_runs_nothing(tmp_path, capsys, kind):
    checkpoint, mark = tmp_path / "checkpoint.pt", tmp_path / "mark"
    if kind == "hostile":
        torch.save({"key": Hostile(mark)}, checkpoint)
    else:
        torch.save({"key": 1, "weights": torch.zeros(1000)}, checkpoint)
        checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    assert resume(checkpoint, [], {}) == []
    assert "train checkpoint ignored" in capsys.readouterr().out
    assert not mark.exists()


@pytest.mark.parametrize("name", ["maps.npy", "weights.npz"])
def test_an_array_of_a_model_that_is_a_pickle_is_refused(tmp_path, name):
    objects = np.array([Hostile(tmp_path / "mark")], dtype=object)
    (np.save if name.endswith("npy") else np.savez)(tmp_path / name, objects)
    model = object.__new__(model_store.Model)
    object.__setattr__(model, "path", tmp_path)
    with pytest.raises(ValueError, match=r"allow_pickle|Python objects"):
        model.load("maps") if name == "maps.npy" else model.weights()
    assert not (tmp_path / "mark").exists()


def test_rank_0_calls_after_every_epoch_and_may_end_the_fit(tmp_path):
    files, seen = round_and_round(tmp_path), []

    def after(epoch: int, model) -> None:
        seen.append((epoch, fitted_numbers(model)["y"].copy()))
        if epoch == 2:
            raise KilledError

    inputs().write(tmp_path)
    with pytest.raises(KilledError):
        fit_files(files, tmp_path, settings(epochs=5), "cpu", after)
    assert [epoch for epoch, _ in seen] == [1, 2]
    assert not np.array_equal(seen[0][1], seen[1][1])
    # A call that does nothing changes nothing.
    called, _ = fit(files, inputs(), settings(), "cpu", after=lambda epoch, model: None)
    assert equal(fitted_numbers(called), fitted(files)[0])


def test_weight_decay_leaves_the_numbers_of_repeats_alone():
    """A step without any gradient: whatever moves is moved by the decay."""
    torch.manual_seed(1)
    model, options = BehaviourModel(torch.ones(20), inputs().attributes, settings()), settings(weight_decay=0.5)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    optimizer = torch.optim.AdamW(parameter_groups(model, options))
    for one in model.parameters():
        one.grad = torch.zeros_like(one)
    optimizer.step()
    moved = {name for name, one in model.named_parameters() if not torch.equal(one, before[name])}
    assert moved == {"own", "label", "map", "bias", "mix_logits"}


@pytest.mark.parametrize("what", ["settings", "inputs"])
def test_a_checkpoint_of_other_settings_or_data_is_ignored(tmp_path, capsys, what):
    files, checkpoint = round_and_round(tmp_path), tmp_path / "checkpoint.pt"
    fitted(files, checkpoint)
    capsys.readouterr()
    if what == "settings":
        assert equal(fitted(files, checkpoint, seed=9)[0], fitted(files, seed=9)[0])
    else:  # as many items, users and steps, but other events
        other = dataclasses.replace(inputs(), events=np.arange(20, dtype=np.int64))
        found, _ = fit(files, other, settings(), "cpu", checkpoint)
        expected, _ = fit(files, other, settings(), "cpu")
        assert equal(fitted_numbers(found), fitted_numbers(expected))
    assert "resumed" not in capsys.readouterr().out


CALM = {"epochs": 6, "input_dropout": 0.0, "event_dropout": 0.0, "own_dropout": 0.0, "users_per_batch": 100}


def process(rank: int, folder: Path, checkpoint: Path | None) -> None:
    """One of two processes of a fit."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    softmax.native_bfloat16 = lambda device: False
    torch.set_num_threads(1)
    found, losses = fitted(sorted(folder.glob("*.parquet")), checkpoint, **CALM)
    np.savez(folder / f"{rank}.npz", **found, losses=losses)
    dist.destroy_process_group()


def together(folder: Path, checkpoint: Path | None = None) -> list[dict[str, np.ndarray]]:
    (folder / "meet").unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=process, args=(rank, folder, checkpoint)) for rank in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(120)
        assert one.exitcode == 0
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)]


def test_two_processes_make_what_one_makes(tmp_path, monkeypatch):
    """A step has all users: half of them in each process, or all in one. Nothing is drawn at random."""
    monkeypatch.setattr(
        softmax, "native_bfloat16", lambda device: False
    )  # sums in another order may differ in the last bits
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    alone, losses = fitted(round_and_round(tmp_path / "one", files=1), **CALM)
    round_and_round(tmp_path / "two", files=2)
    first, second = together(tmp_path / "two")
    assert equal(first, second)
    np.testing.assert_allclose(first["losses"], losses, rtol=1e-4)
    assert losses[-1] < losses[0]
    for name, values in alone.items():
        np.testing.assert_allclose(first[name], values, atol=1e-3 * np.abs(values).max(), err_msg=name)


def test_a_process_without_users_takes_part(tmp_path):
    round_and_round(tmp_path, files=1)
    write(tmp_path / "none.parquet", [])
    first, second = together(tmp_path, tmp_path / "checkpoint.pt")
    assert equal(first, second)
    assert first["losses"][-1] < first["losses"][0]
    # Both load the checkpoint that rank 0 wrote, and nothing is left to do.
    assert equal(together(tmp_path, tmp_path / "checkpoint.pt")[1], second)


def test_a_model_on_disk_is_what_was_fitted(tmp_path):
    files, new, day = round_and_round(tmp_path, files=2), tmp_path / "models" / ".2026-03-01", date(2026, 3, 1)
    new.mkdir(parents=True)
    made, options = inputs(), settings(heads=2, follow=0.5)
    made.write(new)
    read = model_store.Inputs.read(new)
    assert read.digest == made.digest
    assert (read.attributes != made.attributes).nnz == 0
    losses = fit_files(files, new, options, "cpu")
    assert (new / model_store.CHECKPOINT).exists()
    expected = dict(np.load(new / model_store.FITTED))
    assert expected["losses"].tolist() == losses
    about = {
        "day": "2026-03-01",
        "trained_until": "2026-02-15",
        "price_bounds": [1.0, 2.0],
        "losses": losses,
        "settings": dict(vars(options)),
    }
    ids = pa.chunked_array([pa.array([f"i{n}" for n in range(20)])])
    model_id = model_store.finish(new, about, ids, list("abcd"))
    assert not new.exists()
    model = model_store.existing(tmp_path / "models", day)
    assert (model.id, model.day, model.trained_until) == (model_id, day, date(2026, 2, 15))
    assert sorted(path.name for path in model.path.iterdir()) == [
        "item_repeat.npy", "items", "labels", "maps.npy", "model.json", "next_item.npy", "next_weight.npy",
        "weights.npz",
    ]  # fmt: skip
    assert (model.widths, model.settings, model.price_bounds.tolist()) == ((8, 8), vars(options), [1.0, 2.0])
    np.testing.assert_allclose(model.mix, expected["mix"])
    assert model.item_ids() == ids.to_pylist()
    names, vectors = model.attributes()
    assert names == list("abcd")
    np.testing.assert_array_equal(vectors, np.hstack(list(expected["label"])))
    for name in ("maps", "next_item", "next_weight", "item_repeat"):
        np.testing.assert_array_equal(model.load(name), expected[name])
    assert (model.facts["items"], model.facts["labels"], model.facts["losses"]) == (20, 4, losses)
    # Fitted again: the same numbers, the same id, in place of the old.
    new.mkdir()
    made.write(new)
    fit_files(files, new, options, "cpu")
    assert model_store.finish(new, about, ids, list("abcd")) == model_id
    assert len(list((tmp_path / "models").iterdir())) == 1


def test_a_model_without_attributes_is_a_model(tmp_path):
    files, new = round_and_round(tmp_path), tmp_path / ".2026-03-01"
    new.mkdir()
    inputs(attributes=0).write(new)
    losses = fit_files(files, new, settings(), "cpu")
    about = {"day": "2026-03-01", "trained_until": "2026-02-15", "price_bounds": [], "losses": losses, "settings": {}}
    model_store.finish(new, about, pa.chunked_array([pa.array([f"i{n}" for n in range(20)])]), [])
    names, vectors = model_store.existing(tmp_path, date(2026, 3, 2)).attributes()
    assert (names, vectors.shape) == ([], (0, 8))
