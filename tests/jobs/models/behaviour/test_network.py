"""The behaviour model computes what its formulas say: against torch, numpy in `lookup` and results by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from jobs.models.behaviour import softmax
from jobs.models.behaviour.encoding import score_parameters
from jobs.models.behaviour.examples import TrainingHistory, batches, make_batch, read_histories, split_at_random
from jobs.models.behaviour.fit import fitted_numbers
from jobs.models.behaviour.network import BehaviourModel, TrainingBatch
from jobs.models.behaviour.softmax import FullSoftmax, Wanted, candidates, chances
from tests.jobs.models.made import ROWS, inputs, read, round_and_round, settings, write


def model(attributes: int = 4, **changed) -> BehaviourModel:
    torch.manual_seed(5)
    made = inputs(attributes)
    return BehaviourModel(torch.from_numpy(made.events.astype(np.float32)), made.attributes, settings(**changed))


@pytest.mark.parametrize("kept", [None, 1.0, 0.2, 0.0])
@pytest.mark.parametrize("native", [False, True])
def test_the_softmax_and_its_gradients_are_those_of_torch(monkeypatch, native, kept):
    """Against a dense matrix of scores, without terms and with some.

    Over more rows than are in memory at once; with bfloat16, which keeps 8 bits, as well as without.
    """
    monkeypatch.setattr(softmax, "native_bfloat16", lambda device: native)
    torch.manual_seed(0)
    rows_in_all = softmax.ROWS_AT_ONCE + 70
    u, y, bias = (torch.randn(s, requires_grad=True) for s in ((rows_in_all, 4), (7, 4), (7,)))
    rows = torch.arange(rows_in_all).repeat_interleave(2)  # two items a row, of the same or of different ones
    items, shares = torch.randint(0, 7, rows.shape), torch.rand(len(rows))
    wanted_items = Wanted(rows, items, shares / shares.view(-1, 2).sum(1).repeat_interleave(2))
    more = torch.rand(rows_in_all, 7) < 0.3  # of pairs, some of them wanted, rows without any too
    term_rows, term_items = more.nonzero(as_tuple=True)
    added = torch.randn(len(term_rows), requires_grad=True)
    terms = (None, None, None, 1.0) if kept is None else (term_rows, term_items, added, kept)
    ours = FullSoftmax.apply(u, y, bias, wanted_items, *terms)
    scores = u @ y.T + bias
    if kept is not None:
        dense = torch.zeros(rows_in_all, 7).index_put((term_rows, term_items), added)
        scores = torch.where(more, kept * scores + dense, scores)
    wanted = torch.zeros(rows_in_all, 7).index_put((rows, items), shares, accumulate=True)
    theirs = torch.nn.functional.cross_entropy(scores, wanted / wanted.sum(1, keepdim=True), reduction="sum")
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-2 if native else 1e-5)
    learned = (u, y, bias) if kept is None else (u, y, bias, added)
    found, expected = (torch.autograd.grad(loss * 0.5, learned) for loss in (ours, theirs))
    for a, b in zip(found, expected, strict=True):
        away = float((a - b).abs().max() / b.abs().max())
        assert away < (3e-2 if native else 1e-5)


def gradients(made: BehaviourModel, batch: TrainingBatch, **changed) -> dict[str, torch.Tensor]:
    """The loss of a step and its gradient of every parameter."""
    made.settings = dataclasses.replace(made.settings, **changed)
    made.zero_grad()
    loss = made.loss(batch)
    loss.backward()
    return {"loss": loss.detach()} | {
        name: one.grad.clone() for name, one in made.named_parameters() if one.grad is not None
    }


def few_users(folder: Path) -> TrainingBatch:
    """Make a batch with at most 10 of the 20 items."""
    people = [[((start + n) % 8 + start // 5, 100 + n, 1.0) for n in range(5)] for start in range(6)]
    file = write(folder / "few.parquet", people)
    batch = make_batch(read_histories(file, ROWS), 3, np.random.default_rng(0))
    assert batch is not None
    assert len(torch.unique(batch.items)) <= 10
    return batch


CALM = {"heads": 2, "input_dropout": 0.0, "event_dropout": 0.0, "own_dropout": 0.0, "popularity": 0.0}


@pytest.mark.parametrize("attributes", [4, 0])
@pytest.mark.parametrize("repeat", [4.0, 0.0])
def test_a_sample_of_all_items_gives_the_full_softmax(monkeypatch, tmp_path, repeat, attributes):
    monkeypatch.setattr(softmax, "native_bfloat16", lambda device: False)
    made, batch = model(attributes, **CALM, repeat=repeat).train(), few_users(tmp_path)
    full, sampled = gradients(made, batch), gradients(made, batch, samples=20)
    for name, one in full.items():
        torch.testing.assert_close(sampled[name], one, rtol=1e-5, atol=1e-6, msg=name)


def test_the_sampled_softmax_expects_the_full_one(monkeypatch, tmp_path):
    """The mean over draws comes near the full loss and its gradient; without the correction it would not."""
    monkeypatch.setattr(softmax, "native_bfloat16", lambda device: False)
    made, batch = model(**CALM, temperature=0.3).train(), few_users(tmp_path)
    with torch.no_grad():
        made.bias += torch.randn_like(made.bias)
    full = gradients(made, batch)
    torch.manual_seed(1)
    draws = [gradients(made, batch, samples=7) for _ in range(400)]
    mean = {name: torch.stack([draw[name] for draw in draws]).mean(0) for name in full}
    assert float(mean["loss"]) == pytest.approx(float(full["loss"]), rel=1e-2)  # that of a log is a little less
    for name in ("own", "label", "map", "bias", "item_repeat"):
        assert float((mean[name] - full[name]).norm() / full[name].norm()) < 0.1, name
    bare = softmax.candidates
    monkeypatch.setattr("jobs.models.behaviour.network.candidates", lambda *given: (bare(*given)[0], torch.zeros(1)))
    biased = [float(gradients(made, batch, samples=7)["loss"]) for _ in range(20)]
    assert np.mean(biased) < float(full["loss"]) * 0.97


def test_each_item_is_drawn_by_its_chance_and_the_sum_is_that_of_all():
    torch.manual_seed(0)
    biases, scores, certain = torch.randn(30) * 2, torch.randn(30), torch.tensor([3, 7])
    whole, sums, times = float(torch.exp(scores).sum()), [], torch.zeros(30)
    for _ in range(2000):
        items, correction = candidates(certain, biases, 6)
        assert (len(items), correction[torch.isin(items, certain)].tolist()) == (8, [0.0, 0.0])
        assert (items.diff() > 0).all()
        sums.append(float(torch.exp(scores[items] + correction).sum()))
        times[items] += 1
    assert np.mean(sums) == pytest.approx(whole, abs=4 * np.std(sums) / 2000**0.5)
    weights = torch.softmax(biases.double(), 0)
    weights[certain] = 0.0
    np.testing.assert_allclose(times / 2000, chances(weights, 6).index_fill(0, certain, 1.0), atol=0.05)


@limits(deadline=None)
@given(weights=st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=1, max_size=40), samples=st.integers(1, 50))
def test_chances_are_at_most_1_and_add_up(weights, samples):
    known = torch.tensor(weights, dtype=torch.float64)
    found = chances(known, samples)
    assert ((found >= 0) & (found <= 1)).all()
    assert float(found.sum()) == pytest.approx(min(samples, int((known > 0).sum())), rel=1e-9)
    below = found < 1
    if below.any() and known[below].sum() > 0:  # among those, in proportion
        torch.testing.assert_close(found[below] / found[below].sum(), known[below] / known[below].sum())


def test_training_and_lookup_make_the_same_user_vectors(tmp_path):
    """Torch at night equals numpy in `lookup`, head by head."""
    histories = read_histories(round_and_round(tmp_path)[0], ROWS)[:4]
    histories[1] = dataclasses.replace(histories[1], weights=np.linspace(0.1, 2.0, 8).astype(np.float32))
    made = model(heads=2, half_lives=[1.0, 10.0, 0.0], fading=[3.0, 2.0, 1.0])
    with torch.no_grad():  # as after training: the heads differ, and maps are no longer the identity
        made.mix_logits += torch.randn_like(made.mix_logits)
        made.map += 0.1 * torch.randn_like(made.map)
    batch = make_batch(histories, 100, np.random.default_rng(0))
    assert batch is not None
    made.eval()
    fitted = fitted_numbers(made)
    day = score_parameters(made.settings, [8, 8], fitted["mix"].tolist(), [])
    x = np.hstack([fitted["x"], np.zeros((20, 1), dtype=np.float32)])
    for head in range(2):
        found = made.user_vectors(head, made.item_vectors(head), batch).detach().numpy()
        for vector, target in zip(found, batch.targets.tolist(), strict=True):
            user, step = divmod(target, batch.days.shape[1])
            history = histories[user]
            known = history.days < 100 + step
            ages = (100 + step - history.days[known]).astype(float)
            expected = day.encoder.user_vector(x[history.items[known]], ages, history.weights[known].astype(float))
            np.testing.assert_allclose(vector, expected[8 * head : 8 * head + 8], atol=1e-5)
            assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_a_score_is_the_mean_of_the_heads():
    made = model(heads=2, temperature=0.25).eval()
    fitted = fitted_numbers(made)
    for head in range(2):
        e = made.item_vectors(head).detach().numpy()
        unit = e / np.linalg.norm(e, axis=1, keepdims=True)
        np.testing.assert_allclose(fitted["y"][:, 8 * head : 8 * head + 8], unit / 0.25 / 2, rtol=1e-5)
    mean = made.bias.detach().numpy().mean(0)
    np.testing.assert_allclose(fitted["bias"], mean - mean.mean(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("repeat", "kept"), [(4.0, 0.2), (0.5, 1.0), (0.0, 0.2)])
def test_the_loss_is_the_mean_over_targets_summed_over_heads(monkeypatch, tmp_path, repeat, kept):
    monkeypatch.setattr(softmax, "native_bfloat16", lambda device: False)
    made = model(heads=2, repeat=repeat, kept=kept).eval()
    batch = make_batch(read_histories(round_and_round(tmp_path)[0], ROWS)[:3], 100, np.random.default_rng(0))
    assert batch is not None
    target, item, value = made.repeated(batch, made.item_repeat)
    assert len(value) > 0
    parts, repeats = torch.ones(len(batch.targets), 20), torch.zeros(len(batch.targets), 20)
    if repeat:
        parts[target, item], repeats = kept, repeats.index_put((target, item), value)
    expected = 0.0
    for head in range(2):
        e = made.item_vectors(head)
        scores = made.user_vectors(head, e, batch) @ torch.nn.functional.normalize(e, dim=1).T / 0.1 + made.bias[head]
        loss = torch.nn.functional.cross_entropy(parts * scores + repeats, batch.wanted_item)  # one item a day
        expected += float(loss.detach())
    assert float(made.loss(batch).detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("attributes", [4, 0])
def test_a_vector_is_the_item_s_own_and_those_of_its_attributes(attributes):
    made, dense = model(attributes), inputs(attributes).attributes.toarray()
    e = made.item_vectors(0)
    expected = torch.from_numpy(dense) @ made.label[0] + made.own[0]
    torch.testing.assert_close(e, expected)
    e.sum().backward()
    np.testing.assert_allclose(made.label.grad[0], np.tile(dense.sum(0)[:, None], 8))


def test_items_without_a_vector_of_their_own_still_teach_attributes(tmp_path):
    """With own_dropout nearly 1 only attributes are left: they get gradients, and the items none."""
    made = model(own_dropout=1 - 1e-9, input_dropout=0.0, event_dropout=0.0).train()
    batch = make_batch(read_histories(round_and_round(tmp_path)[0], ROWS)[:3], 100, np.random.default_rng(0))
    made.loss(batch).backward()
    assert not made.own.grad.any()
    assert made.label.grad.abs().sum() > 0
    made.zero_grad()
    made.eval().loss(batch).backward()
    assert made.own.grad.any()


def test_users_of_one_day_have_nothing_to_predict():
    one = TrainingHistory(np.array([1, 2]), np.array([5, 5]), np.ones(2, dtype=np.float32))
    assert make_batch([one], 16, np.random.default_rng(0)) is None


def test_the_wanted_shares_of_a_day_add_up_to_one():
    history = TrainingHistory(np.array([3, 1, 2, 1, 2]), np.array([5, 6, 6, 6, 9]), np.float32([1, 1, 2, 3, 1]))
    batch = make_batch([history], 16, np.random.default_rng(0))
    wanted = {
        (batch.targets[row].item(), item): share
        for row, item, share in zip(
            batch.wanted_row.tolist(), batch.wanted_item.tolist(), batch.wanted_share.tolist(), strict=True
        )
    }
    assert wanted == {(1, 1): pytest.approx(2 / 3), (1, 2): pytest.approx(1 / 3), (2, 2): 1.0}


def test_unordered_histories_are_split_anew_onto_two_days(tmp_path):
    history = TrainingHistory(np.arange(12), np.full(12, 7), np.arange(12, dtype=np.float32))
    rng, seen = np.random.default_rng(1), []
    for _ in range(200):
        given = split_at_random(history, rng)
        assert set(given.days) == {0, 1}
        assert np.all(np.diff(given.days) >= 0)
        assert sorted(given.items) == list(range(12))
        np.testing.assert_array_equal(given.weights, given.items)
        seen.append(given.days.sum())
    assert len(set(seen)) > 3
    assert np.mean(seen) == pytest.approx(6, abs=0.5)
    two = TrainingHistory(np.array([4, 9]), np.array([3, 3]), np.ones(2, dtype=np.float32))
    assert {tuple(split_at_random(two, rng).items) for _ in range(50)} == {(4, 9), (9, 4)}
    assert split_at_random(
        TrainingHistory(np.array([4]), np.array([3]), np.ones(1, dtype=np.float32)), rng
    ).days.tolist() in (
        [0],
        [1],
    )

    file = write(tmp_path / "0.parquet", [[(n, 0, 1.0) for n in range(6)] for _ in range(5)])
    (batch,) = batches([file], read, settings(ordered=False), rng)
    assert len(batch.targets) == 5  # one a user: the second day
    assert not list(batches([file], read, settings(), rng))
