"""The store of kept vectors: what is whole is read, and nothing else."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.infra.kept import store
from jobs.infra.kept.store import ENCODER, GRACE, REPLACED, SEGMENT, KeptVectors
from jobs.models.content.kept_texts import KeptTexts

DIMENSIONS = 8
FACTS = {"model": "one", "max_tokens": 128}


def made(texts: list[str]) -> np.ndarray:
    """A vector of length 1 that depends on the text alone."""
    seeds = [np.random.default_rng(list(text.encode() or b"\0")).normal(size=DIMENSIONS) for text in texts]
    return np.stack([seed / np.linalg.norm(seed) for seed in seeds]).astype(np.float32)


class Encoder:
    """Counts what it was asked."""

    def __init__(self, work: Path, facts: dict[str, object] | None = None, sign: float = 1.0):
        self.asked: list[list[str]] = []
        self.sign = sign
        self.kept = KeptTexts(KeptVectors(work, "texts", facts or FACTS, "test"), self.encode, "cpu")

    def encode(self, texts: list[str]) -> np.ndarray:
        self.asked.append(texts)
        return self.sign * made(texts)

    def __call__(self, texts: list[str]) -> np.ndarray:
        found = self.kept(texts)
        np.testing.assert_array_equal(found, self.sign * made(texts))
        return found


TEXTS = [f"text {n}" for n in range(40)]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    Encoder(tmp_path)(TEXTS)
    return tmp_path


def files(work: Path) -> list[Path]:
    return sorted(work.glob("vectors/*/*/*.parquet"))


def counts(encoder: Encoder) -> tuple[int, ...]:
    return tuple(encoder.kept.counts.values())


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=25), max_size=6))
@settings(deadline=None, max_examples=25)
def test_whatever_nights_there_were_vectors_are_those_of_the_encoder(tmp_path_factory, nights):
    work, known = tmp_path_factory.mktemp("nights"), set[int]()
    for numbers in nights:
        night = Encoder(work)
        night([f"text {n}" for n in numbers])
        assert counts(night)[:2] == (len(set(numbers) - known), len(set(numbers) & known))
        known |= set(numbers)


def test_only_new_texts_are_encoded(work):
    night = Encoder(work)
    night([*TEXTS[5:], "new", "new", "other"])
    assert counts(night) == (2, 35, 0)
    checked, new = night.asked
    assert set(checked) <= set(TEXTS)
    assert new == ["new", "other"]


@pytest.mark.parametrize("facts", [{"model": "two"}, {"max_tokens": 64}, {"computing": "cpu float32"}])
def test_vectors_of_another_encoder_are_not_taken(work, facts):
    night = Encoder(work, FACTS | facts)
    night(TEXTS)
    assert counts(night) == (40, 0, 0)


def test_texts_that_look_alike_are_different_ones(work):
    night = Encoder(work)
    night(["caf\u00e9", "cafe\u0301", "caf\u00e9 ", "text 1"])
    assert counts(night) == (3, 1, 0)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone", "empty", "note", "outside"])
def test_what_is_damaged_is_made_anew(work, damage, capsys):
    (file,) = files(work)
    whole = file.read_bytes()
    if damage == "truncated":
        file.write_bytes(whole[:-7])
    elif damage == "flipped":
        file.write_bytes(whole[:200] + bytes([whole[200] ^ 4]) + whole[201:])
    elif damage == "gone":
        file.unlink()
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        text = (file.parent / SEGMENT).read_text()
        (file.parent / SEGMENT).write_text(
            text[:20] if damage == "note" else text.replace(file.name, f"../{file.name}")
        )
    night = Encoder(work)
    night(TEXTS)
    assert counts(night) == (40, 0, 0)
    assert "vectors-damaged" in capsys.readouterr().out
    again = Encoder(work)
    again(TEXTS)
    assert counts(again) == (0, 40, 0)
    assert "vectors-damaged" not in capsys.readouterr().out


def test_every_flipped_bit_is_found(work):
    (file,) = files(work)
    whole = file.read_bytes()
    where = file.parent
    note = (where / SEGMENT).read_text()
    for place in np.random.default_rng(1).integers(0, len(whole), 60).tolist():
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        (where / SEGMENT).write_text(note)
        assert KeptVectors(work, "texts", FACTS, "test").segments() == []


def test_an_encoder_that_makes_others_than_are_kept_makes_all_anew(work, capsys):
    night = Encoder(work, sign=-1.0)
    night(TEXTS)
    assert counts(night) == (40, 0, 0)
    assert "vectors-differ" in capsys.readouterr().out
    again = Encoder(work, sign=-1.0)
    again(TEXTS)
    assert counts(again) == (0, 40, 0)


def test_a_writer_that_fails_or_is_killed_leaves_nothing_that_is_read(work):
    kept = KeptVectors(work, "texts", FACTS, "test")

    def full(folder: Path) -> None:
        folder.mkdir()
        (folder / "part.parquet").write_bytes(b"PAR1")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        kept.add(full)
    killed = kept.folder / "1-dead"
    killed.mkdir()
    (killed / "part.parquet").write_bytes(b"PAR1")
    kept.tidy()
    assert killed.exists()  # its writer may be alive
    assert len(kept.segments()) == 1
    os.utime(killed, (time.time() - GRACE - 60,) * 2)
    kept.tidy()
    assert not killed.exists()
    assert len(list(kept.folder.glob("*-*"))) == 1


def test_a_full_disk_costs_the_keeping_and_not_the_night(work, monkeypatch, capsys):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jobs.models.content.kept_texts.pq.write_table", full)
    night = Encoder(work)
    night([*TEXTS, "new"])
    assert counts(night) == (1, 40, 0)
    assert "vectors-not-kept" in capsys.readouterr().out
    assert len(files(work)) == 1


def test_what_nights_no_longer_need_is_dropped(work, monkeypatch):
    monkeypatch.setattr(store, "SPARE", 0)
    night = Encoder(work)
    night([*TEXTS[:10], "new"])
    assert counts(night) == (1, 10, 30)
    kept = night.kept.store
    (segment,) = kept.segments()
    assert len(segment) == 11
    replaced = [path.parent for path in kept.folder.glob(f"*/{REPLACED}")]
    assert len(replaced) == 2  # those who began to read them go on
    for folder in replaced:
        os.utime(folder / REPLACED, (time.time() - GRACE - 60,) * 2)
    kept.tidy()
    assert [path.name for path in kept.folder.glob("*-*")] == [segment.folder.name]


def test_two_nights_at_once_add_the_same(work):
    one, other = Encoder(work), Encoder(work)
    other.kept.store.segments()
    one([*TEXTS, "new"])
    other.kept._add({b"x" * 32: made(["x"])[0]})
    third = Encoder(work)
    third([*TEXTS, "new"])
    assert counts(third) == (0, 41, 0)


def test_the_folder_says_what_it_is(work):
    (about,) = work.glob(f"vectors/*/{ENCODER}")
    assert json.loads(about.read_text()) == {"kind": "texts", **FACTS}
