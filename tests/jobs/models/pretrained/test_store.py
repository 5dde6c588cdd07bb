"""A pretrained model on disk: the same numbers come back, and what is damaged or does not fit says so in a sentence."""

import contextlib
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from safetensors.numpy import load, save

from jobs.errors import ConfigError
from jobs.models.pretrained import store
from jobs.models.pretrained.store import LearnedFrom, Pretrained
from tests.jobs.models.made import settings
from tests.jobs.models.pretrained.made import renewed


def model() -> Pretrained:
    rng = np.random.default_rng(5)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((1, 6, 8), (1, 8, 8), (1, 2))]
    return Pretrained(*arrays, (1.0, 10.0), "a" * 64, 128, 16.0, (LearnedFrom(10, 20, 30),))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "shop.model"
    model().write(path)
    assert [one.name for one in path.parent.iterdir()] == ["shop.model"]
    return path.read_bytes()


def facts_of(whole: bytes) -> dict:
    length = int.from_bytes(whole[:8], "little")
    return json.loads(json.loads(whole[8 : 8 + length])["__metadata__"]["daybreak"])


def test_what_was_written_is_read(tmp_path, whole):
    path = tmp_path / "a"
    path.write_bytes(whole)
    found, made = Pretrained.read(path), model()
    for name in store.TENSORS:
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert found.id == made.id
    assert renewed(found, projection=made.projection, map=made.map, mix_logits=made.mix_logits) == made
    assert set(facts_of(whole)) == {"version", "half_lives", "text_model", "max_tokens", "alike", "sources", "sha256"}


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
@limits(deadline=None, max_examples=60)
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path_factory, whole, place, bit):
    damaged = bytearray(whole)
    damaged[place % len(whole)] ^= 1 << bit
    path = tmp_path_factory.mktemp("damaged") / "a.model"
    path.write_bytes(damaged)
    with contextlib.suppress(ConfigError):  # any other error fails
        assert (
            Pretrained.read(path).id == model().id
        )  # what tells no number, such as the count of users, may be damaged


def test_no_model_is_told(tmp_path, whole, monkeypatch):
    path = tmp_path / "a.model"
    with pytest.raises(ConfigError, match="there is no such file"):
        Pretrained.read(path)
    for content in (b"", whole[:100], whole[:-1], pickle.dumps([1]), b"{}", save({"x": np.zeros(3, np.float32)})):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"a\.model: not a pretrained model of Daybreak, or damaged[^\n]*$"):
            Pretrained.read(path)
    path.write_bytes(whole)
    monkeypatch.setattr(store, "MOST_BYTES", len(whole) - 1)
    with pytest.raises(ConfigError, match="bytes are no pretrained model"):
        Pretrained.read(path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": 2}, "format version 2; this Daybreak reads 1"),
        ({"half_lives": [1.0]}, "shapes that do not fit"),
        ({"alike": float("nan")}, "facts out of range"),
        ({"sources": [{"name": "x"}]}, "name"),
    ],
)
def test_facts_that_cannot_be_are_told(tmp_path, whole, changed, said):
    path = tmp_path / "a.model"
    path.write_bytes(save(load(whole), {"daybreak": json.dumps(facts_of(whole) | changed)}))
    with pytest.raises(ConfigError, match=said):
        Pretrained.read(path)


def test_numbers_that_are_none_are_refused(tmp_path):
    made = model()
    made.map[0, 0, 0] = np.nan
    made.write(tmp_path / "a.model")
    with pytest.raises(ConfigError, match="numbers that are none"):
        Pretrained.read(tmp_path / "a.model")


def test_a_shop_that_does_not_fit_is_refused():
    made, fits = model(), settings(dimensions=8)
    made.check(fits, "a" * 64, 128)
    with pytest.raises(ConfigError, match=r"heads = 1 and dimensions = 8, \[train\] has 2 and 8"):
        made.check(settings(dimensions=8, heads=2), "a" * 64, 128)
    with pytest.raises(ConfigError, match="use the same text model"):
        made.check(fits, "b" * 64, 128)
    with pytest.raises(ConfigError, match=r"embed\.max_tokens = 128, not 64"):
        made.check(fits, "a" * 64, 64)
