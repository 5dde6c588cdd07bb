"""A warm start keeps what the model knows, learns what is new and does not forget older days."""

import dataclasses
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from jobs.models.behaviour import model_store
from jobs.models.behaviour.examples import TrainingHistory, batches, recent
from jobs.models.behaviour.fit import fit, fit_files, fit_transitions, fitted_numbers, save
from jobs.models.behaviour.network import BehaviourModel
from jobs.models.behaviour.warm_start import NEW_ITEM_SCALE, begin, warm_settings
from tests.jobs.models.made import inputs, read, settings, write

SINCE = 200
"""Days before it are old."""
OLD_DAY = (date.fromordinal(date(1970, 1, 1).toordinal() + SINCE)).isoformat()


def old_days(folder: Path, items: int = 20, users: int = 40) -> Path:
    """Users who go round: after item n comes item n + 1, a day later."""
    people = [[((user + n) % items, 100 + n, 1.0) for n in range(8)] for user in range(users)]
    return write(folder / "old.parquet", people)


def new_days(folder: Path, items: int = 20, users: int = 40) -> Path:
    """The same users until a few days later: the first ten of them now go back, through items 0 … 4 only."""
    people = [[((user + n) % items, 100 + n, 1.0) for n in range(8)] for user in range(users)]
    for user in range(10):
        people[user] += [((user - n) % 5, SINCE + n, 1.0) for n in range(6)]
    return write(folder / "new.parquet", people)


def model_of_old_days(
    folder: Path, file: Path, made: model_store.Inputs, names: list[str], **changed
) -> model_store.Model:
    """A model on disk of the days before SINCE."""
    new = folder / ".fit"
    new.mkdir(parents=True)
    made.write(new)
    options = settings(**changed)
    losses = fit_files([file], new, options, "cpu")
    about = {"day": OLD_DAY, "trained_until": OLD_DAY, "price_bounds": [], "losses": losses, "settings": vars(options)}
    ids = pa.chunked_array([pa.array([f"i{row}" for row in made.rows])])
    model_store.finish(new, about, ids, names)
    return model_store.existing(folder, date(2026, 3, 1))


def fewer(made: model_store.Inputs, items: int) -> model_store.Inputs:
    return model_store.Inputs(made.rows[:items], made.events[:items], made.attributes[:items])


def ids(made: model_store.Inputs) -> list[str]:
    return [f"i{row}" for row in made.rows]


def test_known_items_and_attributes_keep_their_numbers(tmp_path):
    made = inputs(attributes=4)
    model = model_of_old_days(tmp_path, old_days(tmp_path, 18), fewer(made, 18), list("abcd"), heads=2)
    # Item 0 is gone, 18 and 19 are new; attribute b is gone, and z is new; both lists are in another order.
    attributes = sp.csr_array(np.ones((19, 4), dtype=np.float32))
    later = model_store.Inputs(made.rows[1:], np.arange(1, 20), attributes)
    start = model_store.Start.of(model, ids(later), ["z", "d", "c", "a"], settings())
    assert start.items.tolist() == [*range(1, 18), -1, -1]
    assert (start.attributes.tolist(), start.since) == ([-1, 3, 2, 0], SINCE)
    start.write(tmp_path)
    assert model_store.Start.read(tmp_path).digest == start.digest

    torch.manual_seed(0)
    begun = BehaviourModel(torch.ones(19), attributes, settings(heads=2))
    fresh = {name: one.detach().clone().numpy() for name, one in begun.named_parameters()}
    begin(begun, start, later.events)
    found = {name: one.detach().numpy() for name, one in begun.named_parameters()}
    old = model.weights()
    for name in ("map", "mix_logits", "repeat"):
        np.testing.assert_array_equal(found[name], old[name])
    np.testing.assert_array_equal(found["own"][:, :17], old["own"][:, 1:])
    np.testing.assert_array_equal(found["bias"][:, :17], old["bias"][:, 1:])
    np.testing.assert_array_equal(found["item_repeat"][:17], old["item_repeat"][1:])
    np.testing.assert_array_equal(found["label"][:, 1:], old["label"][:, [3, 2, 0]])
    np.testing.assert_array_equal(found["label"][:, 0], fresh["label"][:, 0])
    np.testing.assert_allclose(found["own"][:, 17:], fresh["own"][:, 17:] * NEW_ITEM_SCALE)
    np.testing.assert_allclose(found["item_repeat"][17:], old["item_repeat"].mean(), rtol=1e-6)
    for head in range(2):
        line = np.polyfit(np.log(later.events[:17] + 1.0), old["bias"][head, 1:], 1)
        np.testing.assert_allclose(found["bias"][head, 17:], np.polyval(line, np.log([19.0, 20.0])), rtol=1e-4)


def loss_of(model: BehaviourModel, file: Path, since: int | None = None) -> float:
    """The loss of all targets of a file, or of those of the new days."""

    def some(path: Path) -> list[TrainingHistory]:
        every = read(path)
        return every if since is None else recent(every, since, 0.0, np.random.default_rng(0), ordered=True)

    batch = next(batches([file], some, settings(users_per_batch=100, targets_per_user=100), np.random.default_rng(0)))
    with torch.no_grad():
        return float(model.eval().loss(batch))


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> tuple[Path, Path, model_store.Model]:
    """A file of old days, one of old and new days, and a model of the old days."""
    folder = tmp_path_factory.mktemp("shop")
    old = old_days(folder)
    return (
        old,
        new_days(folder),
        model_of_old_days(folder / "models", old, inputs(), list("abcd"), epochs=25, dimensions=16),
    )


def continued(shop: tuple[Path, Path, model_store.Model], checkpoint: Path | None = None, **changed) -> BehaviourModel:
    _, new, model = shop
    options = settings(dimensions=16, **{"warm_epochs": 8, "warm_learning_rate": 1e-2, **changed})
    start = model_store.Start.of(model, ids(inputs()), list("abcd"), options)
    found, _ = fit([new], inputs(), warm_settings(options), "cpu", checkpoint, start=start)
    return found


def test_the_new_days_are_learned_and_a_replay_keeps_the_old(shop):
    old, new, model = shop
    start = model_store.Start.of(model, ids(inputs()), list("abcd"), settings())
    before = BehaviourModel(torch.ones(20), inputs().attributes, settings(dimensions=16))
    begin(before, start, inputs().events)
    forgetful, mindful = continued(shop, replay=0.0), continued(shop, replay=3.0)
    for one in (forgetful, mindful):
        assert loss_of(one, new, SINCE) < 0.7 * loss_of(before, new, SINCE)
    assert loss_of(forgetful, old) > loss_of(mindful, old) + 0.3
    assert loss_of(mindful, old) < loss_of(before, old) + 0.3


def test_a_new_item_is_learned(tmp_path):
    """In the new days, item 19 follows item 3."""
    made = inputs()
    model = model_of_old_days(tmp_path / "models", old_days(tmp_path, 19), fewer(made, 19), list("abcd"), epochs=10)
    people = [[(3, SINCE + n % 2, 1.0), (19, SINCE + 1 + n % 2, 1.0)] for n in range(40)]
    file = write(tmp_path / "new.parquet", people)
    options = settings(warm_epochs=10, warm_learning_rate=1e-2)
    start = model_store.Start.of(model, ids(made), list("abcd"), options)
    untaught = BehaviourModel(torch.ones(20), made.attributes, options)
    begin(untaught, start, made.events)
    taught, losses = fit([file], made, warm_settings(options), "cpu", start=start)
    assert len(losses) == 10
    assert losses[-1] < 0.5 * losses[0]
    assert loss_of(taught, file) < 0.3 * loss_of(untaught, file)


def test_a_warm_start_is_reproducible_also_after_a_kill(shop, tmp_path, monkeypatch, capsys):
    whole = fitted_numbers(continued(shop, warm_epochs=2))
    checkpoint = tmp_path / "checkpoint.pt"

    def save_one(*arguments) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.models.behaviour.fit.save", save_one)
    with pytest.raises(KeyboardInterrupt):
        continued(shop, checkpoint, warm_epochs=2)
    monkeypatch.undo()
    capsys.readouterr()
    found = fitted_numbers(continued(shop, checkpoint, warm_epochs=2))
    assert "train resumed epochs=1" in capsys.readouterr().out
    assert all(np.array_equal(found[name], whole[name]) for name in whole)
    # The checkpoint is of this start alone.
    old, new, model = shop
    other = dataclasses.replace(model, trained_until=date(1970, 7, 19))
    continued((old, new, other), checkpoint, warm_epochs=2)
    assert "resumed" not in capsys.readouterr().out


def test_transitions_that_likeness_went_into_are_fitted_anew(shop):
    _, _, model = shop
    mixed = dataclasses.replace(model, settings=model.settings | {"follow_alike": 2.0})
    for old, reused in ((model, 20), (mixed, 0)):
        start = model_store.Start.of(old, ids(inputs()), list("abcd"), settings())
        assert len(start.next_item) == reused


def test_nothing_new_changes_nothing(shop):
    old, _, model = shop
    found = fitted_numbers(continued((old, old, model)))
    start = model_store.Start.of(model, ids(inputs()), list("abcd"), settings())
    before = BehaviourModel(torch.ones(20), inputs().attributes, settings(dimensions=16))
    begin(before, start, inputs().events)
    expected = fitted_numbers(before)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_fit_files_finds_the_start_and_refits_the_transitions_to_items_with_new_events(shop, tmp_path):
    _, new, model = shop
    options = settings(dimensions=16, follow=2.0)
    inputs().write(tmp_path)
    model_store.Start.of(model, ids(inputs()), list("abcd"), options).write(tmp_path)
    losses = fit_files([new], tmp_path, options, "cpu")
    assert len(losses) == options.warm_epochs
    found, whole = dict(np.load(tmp_path / model_store.FITTED)), fit_transitions([new], inputs(), options)
    old = {name: model.load(name) for name in ("next_item", "next_weight")}

    def column(part: dict[str, np.ndarray], item: int, follow: float) -> dict[int, float]:
        rows, place = np.nonzero(part["next_item"] == item)
        return {int(r): float(part["next_weight"][r, p]) / follow for r, p in zip(rows, place, strict=True)}

    for item in range(20):  # items 0 … 4 have events since then; the older model has follow = 1
        expected = column(whole, item, 2.0) if item < 5 else column(old, item, 1.0)
        assert column(found, item, 2.0) == pytest.approx(expected, rel=1e-5), item
    assert column(whole, 0, 2.0) != pytest.approx(column(old, 0, 1.0), rel=1e-3)
    # With other settings the item transitions cannot be reused.
    ridge = dataclasses.replace(options, follow_ridge=1.0)
    assert not len(model_store.Start.of(model, ids(inputs()), list("abcd"), ridge).next_item)


def test_a_model_of_another_shape_says_why(shop):
    model = shop[2]
    assert model.reason_not_to_continue(settings(dimensions=16)) is None
    for name, value in (("heads", 2), ("dimensions", 8), ("half_lives", [1.0, 5.0])):
        changed = dataclasses.replace(settings(dimensions=16), **{name: value})
        assert f"train.{name} = {model.settings[name]}, not {value}" in (model.reason_not_to_continue(changed) or "")


days_of_users = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), min_size=1, max_size=8)


@limits(deadline=None)
@given(days_of_users, st.integers(0, 31), st.floats(0, 3))
def test_recent_users_have_all_new_days_and_a_share_of_the_old(days, since, replay):
    histories = [TrainingHistory(np.arange(len(d)), np.sort(d), np.ones(len(d), np.float32)) for d in days]
    found = recent(histories, since, replay, np.random.default_rng(0), ordered=True)
    wanted = [np.unique(h.days)[1:] for h in histories]
    assert sorted(d for h in found for d in h.targets if d >= since) == sorted(
        d for own in wanted for d in own if d >= since
    )
    for one in found:
        assert len(one.targets) == len(np.unique(one.targets)) > 0
        assert one.days[-1] == one.targets[-1]  # later days do not count
        assert one.days[0] < one.targets[0]
        assert len(one.items) == len(one.days) == len(one.weights)
    if replay == 0:
        assert all((h.targets >= since).all() for h in found)


def test_the_replay_has_the_size_of_the_setting():
    rng = np.random.default_rng(4)
    histories = [TrainingHistory(np.arange(50), np.arange(50), np.ones(50, np.float32)) for _ in range(200)]
    for ordered, whole, new in ((True, 49, 5), (False, 1, 0)):
        for replay in (0.5, 2.0):
            found = recent(histories, 45, replay, rng, ordered=ordered)
            targets = np.concatenate([h.targets for h in found])
            if ordered:
                assert (targets >= 45).sum() == 200 * new
                assert (targets < 45).sum() == pytest.approx(200 * new * replay, rel=0.15)
            else:  # every user is new: by the last event
                assert len(found) == 200 * whole
    users = [TrainingHistory(np.arange(2), np.array([0, n]), np.ones(2, np.float32)) for n in range(1, 101)]
    found = recent(users, 91, 1.0, rng, ordered=False)
    assert len([h for h in found if h.days[-1] >= 91]) == 10
    assert len(found) == pytest.approx(20, abs=8)
