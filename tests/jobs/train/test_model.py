"""The behaviour model: it is what its formulas say, it learns, and two processes make the same as one."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from jobs.config import Train
from jobs.train.fit import fit, make_batch, read_histories
from jobs.train.model import BehaviourModel, FullSoftmax
from lookup.encoder import Encoder

VOCABULARY = np.arange(0, 40, 2, dtype=np.int64)  # 20 items, at even rows


def write_users(folder: Path, users: int = 60, files: int = 2) -> list[Path]:
    """Users who go round: after item n comes item n + 1, a day later."""
    folder.mkdir(exist_ok=True)
    starts = np.random.default_rng(3).integers(0, 20, users)
    table = pl.DataFrame(
        {
            "user_id": [str(u) for u in range(users)],
            "items": [[int(VOCABULARY[(s + n) % 20]) for n in range(8)] for s in starts],
            "days": [list(range(100, 108))] * users,
            "weights": [[1.0] * 8] * users,
        },
        schema_overrides={
            "items": pl.List(pl.Int32),
            "days": pl.List(pl.Int32),
            "weights": pl.List(pl.Float32),
        },
    )
    paths = [folder / f"{n}.parquet" for n in range(files)]
    for n, path in enumerate(paths):
        table[n::files].write_parquet(path)
    return paths


def settings(**changed) -> Train:
    return Train(**{"dimensions": 16, "epochs": 15, "users_per_batch": 8, "half_lives": [1.0, 10.0], **changed})


def test_the_softmax_and_its_gradient_are_those_of_torch():
    torch.manual_seed(0)
    u, y, bias = (torch.randn(s, requires_grad=True) for s in ((5, 4), (7, 4), (7,)))
    rows, items = torch.tensor([0, 1, 1, 3, 4, 2]), torch.tensor([6, 0, 2, 2, 5, 1])
    shares = torch.tensor([1.0, 0.25, 0.75, 1.0, 1.0, 1.0])
    ours = FullSoftmax.apply(u, y, bias, (rows, items, shares))
    found = torch.autograd.grad(ours, (u, y, bias))
    logs = torch.log_softmax(u @ y.T + bias, 1)
    theirs = -(logs[rows, items] * shares).sum()
    expected = torch.autograd.grad(theirs, (u, y, bias))
    # Products may be in bfloat16, which keeps 8 bits.
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-2)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=3e-2, rtol=3e-2)


def test_the_vectors_of_training_are_those_of_the_day(tmp_path):
    """One statement of the user vector: torch at night equals numpy in `lookup`."""
    histories = read_histories(write_users(tmp_path)[0], VOCABULARY)[:4]
    model = BehaviourModel(torch.ones(20), 16, [1.0, 10.0, 0.0], 0.0).eval()
    batch = make_batch(histories, 100, np.random.default_rng(0))
    assert batch is not None
    found = model.user_vectors(batch).detach().numpy()
    encoder = Encoder((1.0, 10.0, float("inf")), tuple(model.mix().tolist()), float(model.power().detach()), bias=16)
    inputs = np.hstack([model.x.detach().numpy(), np.zeros((20, 1), dtype=np.float32)])
    for vector, target in zip(found, batch.targets.tolist(), strict=True):
        user, day = divmod(target, batch.days.shape[1])
        known = histories[user].days < 100 + day
        ages = 100 + day - histories[user].days[known].astype(float)
        expected = encoder.user_vector(inputs[histories[user].items[known]], ages, np.ones(known.sum()))
        np.testing.assert_allclose(vector, expected[:16], atol=1e-6)


def test_it_learns_what_comes_next_and_gives_the_same_again(tmp_path):
    files = write_users(tmp_path)
    popularity = np.full(20, 24.0, dtype=np.float32)
    model, losses = fit(files, VOCABULARY, popularity, settings(), "cpu")
    assert losses[-1] < 0.5 * losses[0]
    assert losses[0] == pytest.approx(np.log(20), abs=0.3)
    again, same = fit(files, VOCABULARY, popularity, settings(), "cpu")
    assert same == losses
    assert torch.equal(model.x, again.x)


def test_users_of_one_day_have_nothing_to_predict():
    from jobs.train.fit import History

    one = History(np.array([1, 2]), np.array([5, 5]), np.ones(2, dtype=np.float32))
    assert make_batch([one], 16, np.random.default_rng(0)) is None
