"""Repeats: items of the history count the same in training, in the fitted numbers and in lookup."""

import numpy as np
import pytest
import torch

from jobs.models.behaviour.encoding import score_parameters
from jobs.models.behaviour.examples import TrainingHistory, make_batch
from jobs.models.behaviour.fit import LAST, fitted_numbers
from jobs.models.behaviour.network import BehaviourModel, TrainingBatch
from lookup.scoring.score_parameters import HistoryShares, TransitionRows
from tests.jobs.models.made import inputs, settings


def people(rng: np.random.Generator) -> list[TrainingHistory]:
    """Users of several lengths, with items that come again, and items that no_items has."""
    return [
        TrainingHistory(
            rng.integers(0, 20, n) // spread, np.sort(rng.integers(0, n, n)) * 2, rng.random(n).astype(np.float32)
        )
        for n, spread in ((9, 5), (3, 20), (14, 2), (6, 1))
    ]


def model(**changed) -> BehaviourModel:
    """Make a model as after training: heads differ, biases are not around 0, and item_repeat differs by item.

    Its learned weight of repeats is the setting, unless a test changes it.
    """
    torch.manual_seed(5)
    made = inputs()
    found = BehaviourModel(
        torch.from_numpy(made.events.astype(np.float32)), made.attributes, settings(**changed)
    ).eval()
    with torch.no_grad():
        for name in ("mix_logits", "bias", "item_repeat"):
            getattr(found, name).add_(torch.randn_like(getattr(found, name)))
        found.map += 0.1 * torch.randn_like(found.map)
        found.repeat.fill_(found.settings.repeat)
    return found


def known(
    batch: TrainingBatch, row: int, histories: list[TrainingHistory]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Items, ages and weights of the events before a target."""
    user, step = divmod(int(batch.targets[row]), batch.days.shape[1])
    history, now = histories[user], float(batch.days[user, step])
    before = history.days < now
    return history.items[before], now - history.days[before], history.weights[before].astype(float)


def test_items_of_the_history_gain_what_the_formula_says():
    """Against a loop over every target and the formula of `lookup`; in training with the model's own weight."""
    histories = people(np.random.default_rng(2))
    made = model(half_lives=[1.0, 10.0, 0.0], fading=[3.0, 2.0, 1.0], repeat=5.0)
    with torch.no_grad():
        made.repeat.fill_(1.7)
    batch = make_batch(histories, 3, np.random.default_rng(0))
    day = score_parameters(made.settings, [8], made.mix().tolist(), [])
    target, item, value = made.repeated(batch, made.item_repeat)
    assert target.tolist() == sorted(target.tolist())
    found = {(t, i): v for t, i, v in zip(target.tolist(), item.tolist(), value.tolist(), strict=True)}
    expected = {}
    for row in range(len(batch.targets)):
        items, ages, weights = known(batch, row, histories)
        for number in set(items.tolist()):
            total = day.repeat_shares(ages[items == number], weights[items == number]).sum()
            expected[row, number] = 1.7 * np.log1p(total) + float(made.item_repeat[number].detach())
    assert len(found) == len(target) > 20
    assert found == pytest.approx(expected, abs=1e-5)
    # The fit learns that weight, and what each item gains where it is in the history.
    value.sum().backward()
    assert made.item_repeat.grad.tolist() == np.bincount(item.numpy(), minlength=20).tolist()
    counts = (value - made.item_repeat[item]).sum() / 1.7
    assert float(made.repeat.grad) == pytest.approx(float(counts.detach()), rel=1e-5)
    assert {name for name, one in made.named_parameters() if one.grad is not None} == {"item_repeat", "repeat"}


def test_the_weight_of_repeats_in_a_release_is_the_setting():
    made = model(repeat=5.0)
    before = fitted_numbers(made)
    with torch.no_grad():
        made.repeat.fill_(1.7)
    after = fitted_numbers(made)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    day = score_parameters(made.settings, [8], after["mix"].tolist(), [])
    assert (day.repeat_weight, day.repeat_mix, day.kept_share) == (5.0, (0.5, 0.5), 0.0)


@pytest.mark.parametrize(("repeat", "kept"), [(4.0, 0.2), (0.5, 1.0), (2.0, 0.0)])
def test_scores_by_day_equal_those_of_training_up_to_one_constant(repeat, kept):
    """A fit's numbers are centred: that may change the order neither of the items in the history nor of the others."""
    histories = people(np.random.default_rng(4))
    made = model(heads=2, half_lives=[1.0, 10.0, 0.0], fading=[3.0, 2.0, 1.0], repeat=repeat, kept=kept)
    batch = make_batch(histories, 100, np.random.default_rng(0))
    with torch.no_grad():
        target, item, value = made.repeated(batch, made.item_repeat)
        theirs = torch.zeros(len(batch.targets), 20)
        for head in range(2):
            e = made.item_vectors(head)
            y = torch.nn.functional.normalize(e, dim=1) / made.settings.temperature
            scores = made.user_vectors(head, e, batch) @ y.T + made.bias[head]
            scores[target, item] = kept * scores[target, item] + value
            theirs += scores / 2
        mean = float(made.bias.mean())
    fitted = fitted_numbers(made)
    assert float(fitted["bias"].mean()) == pytest.approx(0.0, abs=1e-6)
    assert abs(mean) > 1  # else nothing is centred here
    day = score_parameters(made.settings, [8, 8], fitted["mix"].tolist(), [])
    x, v = np.pad(fitted["x"], ((0, 0), (0, 1))), np.hstack([fitted["y"], fitted["bias"][:, None]])
    no_items = np.full((20, 1), -1, dtype=np.int32), np.zeros((20, 1), dtype=np.float32)
    rows_with_both = 0
    for row in range(len(batch.targets)):
        items, ages, weights = known(batch, row, histories)
        scores = v @ day.encoder.user_vector(x[items], ages, weights)
        history = HistoryShares(
            items.astype(np.int32), day.transition_shares(ages, weights), day.repeat_shares(ages, weights)
        )
        transitions = TransitionRows(*(array[items] for array in (*no_items, fitted["item_repeat"])))
        changed, added = day.item_terms(history, transitions, scores[items])
        assert changed.tolist() == np.unique(items).tolist()
        scores[changed] += added
        rows_with_both += 0 < len(changed) < 20
        np.testing.assert_allclose(scores, theirs[row].numpy() - mean, atol=2e-4)
    assert rows_with_both > 10


def test_without_repeats_nothing_is_counted():
    made = model(repeat=0.0, kept=0.2)
    fitted = fitted_numbers(made)
    np.testing.assert_array_equal(fitted["item_repeat"], np.full(20, LAST))
    assert fitted["item_repeat"].dtype == np.float32
    day = score_parameters(made.settings, [8], fitted["mix"].tolist(), [])
    assert (day.repeat_weight, day.kept_share) == (0.0, 1.0)
    # So items of the history keep their order, far behind all others.
    rows, ones = np.array([3, 7], dtype=np.int32), np.ones(2, dtype=np.float32)
    transitions = TransitionRows(
        np.full((2, 1), -1, np.int32), np.zeros((2, 1), np.float32), fitted["item_repeat"][rows]
    )
    _, added = day.item_terms(HistoryShares(rows, ones, ones), transitions, np.array([5.0, -5.0], dtype=np.float32))
    np.testing.assert_array_equal(added, [LAST, LAST])
