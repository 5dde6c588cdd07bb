"""An encoder is learned once from the same lessons, and a young one is kept for lessons that are hardly others."""

import os
import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.infra.kept.store import GRACE
from jobs.models.query_encoder.kept import Lessons, QueryEncoders, sample
from jobs.models.query_encoder.learn import Learned, Step

DAY = date(2026, 11, 22)
ITEMS = np.eye(2, 3, dtype=np.float32)
LESSONS = Lessons([["red", "lamp"], ["desk"]], [["lamp"]], ITEMS)
MADE = Learned({"a": np.arange(5)}, ITEMS, [Step("distilled", 3, 2, 100, 1.5, 0.25)], ["the"])
MANY = [["lamp", str(number)] for number in range(200)]


def learn() -> Learned:
    return MADE


def no_learning() -> Learned:
    raise AssertionError("it was learned already")


def encoders(work: Path, days: int = 0, max_age_days: int | None = 7, model: str = "m") -> QueryEncoders:
    return QueryEncoders(work, {"model": model}, DAY + timedelta(days=days), max_age_days)


def test_it_is_learned_once(tmp_path):
    assert encoders(tmp_path).learned_once(LESSONS, learn) == (MADE, None)
    for days in (0, 40, 41):  # however old: the same would be learned
        found, day = encoders(tmp_path, days, None).learned_once(LESSONS, no_learning)
        assert day == DAY + timedelta(days=days)
        np.testing.assert_array_equal(found.arrays["a"], MADE.arrays["a"])
        np.testing.assert_array_equal(found.projection, ITEMS)
        assert (found.steps, found.language, list(found.arrays)) == (MADE.steps, MADE.language, ["a"])


def test_every_lesson_counts(tmp_path):
    titles, queries, _ = LESSONS
    ways = [
        encoders(tmp_path, model="n").path(LESSONS),
        *(
            encoders(tmp_path).path(lessons)
            for lessons in (
                LESSONS,
                Lessons([["red"], ["lamp", "desk"]], queries, ITEMS),
                Lessons([*titles, *queries], [], ITEMS),
                Lessons(titles, queries, np.nextafter(ITEMS, np.float32(2))),
                Lessons(titles, queries, ITEMS.reshape(3, 2)),
            )
        ),
    ]
    assert len(set(ways)) == len(ways)


@given(
    others=st.integers(0, 200),
    age=st.integers(-2, 12),
    most=st.none() | st.integers(1, 9),
    same_model=st.booleans(),
)
def test_a_young_one_is_kept_where_at_most_a_tenth_of_the_titles_are_others(others, age, most, same_model):
    titles = [*MANY[others:], *(["desk", str(number)] for number in range(others))]
    keeps = others == 0 or (most is not None and 0 <= age <= most and others <= 20)
    with TemporaryDirectory() as folder:
        work = Path(folder)
        encoders(work).learned_once(Lessons(MANY, [], ITEMS), learn)
        tonight = encoders(work, age, most, "m" if same_model else "n")
        _, day = tonight.learned_once(Lessons(titles, [], ITEMS), learn)
    assert (day is not None) == (keeps and same_model)
    if day is not None:
        assert day == (DAY if others else max(DAY, tonight.day))


def test_the_newest_young_one_is_taken(tmp_path):
    for days in (0, 3):
        titles = [*MANY, ["of", str(days)]]
        encoders(tmp_path, days, None).learned_once(Lessons(titles, [], ITEMS), learn)
    assert encoders(tmp_path, 4).learned_once(Lessons(MANY, [], ITEMS), no_learning)[1] == DAY + timedelta(days=3)
    assert encoders(tmp_path, 2).learned_once(Lessons(MANY, [], ITEMS), no_learning)[1] == DAY


def test_a_sample_holds_one_of_so_many_titles_each_once():
    titles = [["lamp", str(number % 5_000)] for number in range(10_000)] + [[]]
    every = sample(titles, 1)
    assert len(every) == 5_000
    some = sample(titles, 4)
    assert 1_100 < len(some) < 1_400
    assert set(some) < set(every)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
def test_a_damaged_file_is_learned_anew(tmp_path, damage, capsys):
    kept = encoders(tmp_path)
    kept.learned_once(LESSONS, learn)
    path = kept.path(LESSONS)
    data = path.read_bytes()
    place = data.index(np.arange(5).tobytes()) + 9
    flipped = data[:place] + bytes([data[place] ^ 8]) + data[place + 1 :]
    path.write_bytes({"flipped": flipped, "truncated": data[:-30], "empty": b""}[damage])
    assert kept.learned_once(LESSONS, learn) == (MADE, None)
    assert "encoder-damaged" in capsys.readouterr().out
    assert kept.learned_once(LESSONS, no_learning)[1] == DAY


def test_others_go_a_day_later(tmp_path):
    old, young, own = (encoders(tmp_path, model=name) for name in "abc")
    for one in (old, young):
        one.learned_once(LESSONS, learn)
    os.utime(old.path(LESSONS), (time.time() - GRACE - 60,) * 2)
    own.learned_once(LESSONS, learn)
    assert set(own.folder.iterdir()) == {young.path(LESSONS), own.path(LESSONS)}
