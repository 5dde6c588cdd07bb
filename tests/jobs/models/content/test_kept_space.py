"""A fitted space stands for the texts that it was fitted to, and for few others."""

import numpy as np
import pytest

from jobs.models.content.kept_space import MOST_NEW, SAMPLE, FittedSpace, one_in, path_of
from jobs.models.content.space import Basis

HASHES = np.arange(1000, dtype=np.int64) - 500


def fitted(**facts):
    rng = np.random.default_rng(1)
    basis = Basis(rng.normal(size=4).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32))
    return FittedSpace(**{"bases": {"text": basis}, "cold_bias": -1.25, "every": 4, "seen": {"text": HASHES}, **facts})


def test_what_is_read_is_what_was_written(tmp_path):
    space, path = fitted(), path_of(tmp_path, {"model": "m1"})
    space.write(path)
    found = FittedSpace.read(path)
    assert found.digest == space.digest
    assert (found.cold_bias, found.every) == (-1.25, 4)
    np.testing.assert_array_equal(found.seen["text"], HASHES)
    assert FittedSpace.read(path_of(tmp_path, {"model": "m2"})) is None
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("new", [0.0, MOST_NEW, MOST_NEW + 0.01, 1.0])
def test_it_holds_for_few_other_texts(new):
    count = round(new * len(HASHES))
    tonight = np.concatenate([HASHES[count:], np.arange(count) + 10_000])
    assert fitted().holds({"text": tonight}) == (new <= MOST_NEW)


def test_it_holds_where_texts_are_gone_but_not_for_other_parts():
    assert fitted().holds({"text": HASHES[:3]})
    assert fitted().holds({"text": HASHES[:0]})
    assert not fitted().holds({"text": HASHES, "look": HASHES})


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
def test_a_damaged_one_is_fitted_anew(tmp_path, damage, capsys):
    path = path_of(tmp_path, {})
    fitted().write(path)
    data = path.read_bytes()
    half = len(data) // 2
    flipped = data[:half] + bytes([data[half] ^ 8]) + data[half + 1 :]
    path.write_bytes({"flipped": flipped, "truncated": data[:-30], "empty": b""}[damage])
    assert FittedSpace.read(path) is None
    assert "space-damaged" in capsys.readouterr().out


@pytest.mark.parametrize("count", [0, 1, SAMPLE, SAMPLE + 1, 10_000_000])
def test_the_sample_is_bounded(count):
    assert count / one_in(count) <= SAMPLE
    assert one_in(count) == 1 or count / one_in(count) > SAMPLE / 2
