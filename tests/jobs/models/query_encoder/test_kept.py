"""An encoder is learned once from the same inputs."""

import os
import time

import numpy as np
import pytest

from jobs.infra.kept.store import GRACE
from jobs.models.query_encoder.kept import learned_once, path_of
from jobs.models.query_encoder.learn import Learned, Step

TITLES, QUERIES, ITEMS = [["red", "lamp"], ["desk"]], [["lamp"]], np.eye(2, 3, dtype=np.float32)
MADE = Learned({"a": np.arange(5)}, ITEMS, [Step("distilled", 3, 2, 100, 1.5, 0.25)], ["the"])


def learn() -> Learned:
    return MADE


def no_learning() -> Learned:
    raise AssertionError("it was learned already")


def test_it_is_learned_once(tmp_path):
    path = path_of(tmp_path, {"model": "m"}, TITLES, QUERIES, ITEMS)
    assert learned_once(path, learn) == (MADE, False)
    found, known = learned_once(path, no_learning)
    assert known
    np.testing.assert_array_equal(found.arrays["a"], MADE.arrays["a"])
    np.testing.assert_array_equal(found.projection, ITEMS)
    assert (found.steps, found.language, list(found.arrays)) == (MADE.steps, MADE.language, ["a"])


def test_every_input_counts(tmp_path):
    ways = [
        path_of(tmp_path, {"model": "m"}, TITLES, QUERIES, ITEMS),
        path_of(tmp_path, {"model": "n"}, TITLES, QUERIES, ITEMS),
        path_of(tmp_path, {"model": "m"}, [["red"], ["lamp", "desk"]], QUERIES, ITEMS),
        path_of(tmp_path, {"model": "m"}, [*TITLES, *QUERIES], [], ITEMS),
        path_of(tmp_path, {"model": "m"}, TITLES, QUERIES, np.nextafter(ITEMS, np.float32(2))),
        path_of(tmp_path, {"model": "m"}, TITLES, QUERIES, ITEMS.reshape(3, 2)),
    ]
    assert len(set(ways)) == len(ways)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
def test_a_damaged_file_is_learned_anew(tmp_path, damage, capsys):
    path = path_of(tmp_path, {}, TITLES, QUERIES, ITEMS)
    learned_once(path, learn)
    data = path.read_bytes()
    place = data.index(np.arange(5).tobytes()) + 9
    flipped = data[:place] + bytes([data[place] ^ 8]) + data[place + 1 :]
    path.write_bytes({"flipped": flipped, "truncated": data[:-30], "empty": b""}[damage])
    assert learned_once(path, learn) == (MADE, False)
    assert "encoder-damaged" in capsys.readouterr().out
    assert learned_once(path, no_learning)[1]


def test_others_go_a_day_later(tmp_path):
    old, young, own = (path_of(tmp_path, {"model": name}, TITLES, QUERIES, ITEMS) for name in "abc")
    for path in (old, young):
        learned_once(path, learn)
    os.utime(old, (time.time() - GRACE - 60,) * 2)
    learned_once(own, learn)
    assert {path.name for path in own.parent.iterdir()} == {young.name, own.name}
