"""The vectors of items that are added by day are those that the night would make."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.models.attributes import Vocabulary
from jobs.models.content.space import ColdStartModel
from lookup import keys
from lookup.release.reader import Release
from lookup.scoring.cold_start import ColdStartEncoder, ColdStartFact, attributes, deciles, words
from lookup.scoring.parts import Part
from tests.lookup.conftest import Two

NAMES = sorted(
    ["brand=Acme", "category=FOOD", "category=FOOD>TEA", "price=0", "price=2", "word=green", "word=käse", "word=tea"]
)
BOUNDS = np.array([2.0, 5.0])
RNG = np.random.default_rng(4)
HEADS, D, T = 2, 3, 4
VECTORS, TEXTS = (RNG.normal(size=(len(NAMES), size)).astype(np.float32) for size in (HEADS * D, T))
MAPS = RNG.normal(size=(HEADS, D, D)).astype(np.float32)
FACT = ColdStartFact(temperature=0.25, bias=-3.0, price_bounds=BOUNDS.tolist())
TEXT, LOOK = Part("text", 1, weight=0.5, cosine=0.9), Part("look", 1, newcomer="nothing")


@pytest.fixture(scope="module")
def describer() -> ColdStartEncoder:
    hashes, offsets, data = keys.build(NAMES)
    known = keys.Keys(hashes, offsets, data)
    order = [NAMES.index(known.id(row)) for row in range(len(NAMES))]
    content = [(TEXT, TEXTS[order]), (LOOK, TEXTS[order, :2])]
    return ColdStartEncoder(known, VECTORS[order], MAPS.reshape(HEADS * D, D), content, FACT)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["FOOD", "TEA", "HOME"]), max_size=3),
    st.sampled_from([None, "", "Acme", "Other"]),
    st.sampled_from([None, 0.0, 2.0, 3.0, 99.0]),
    st.text(max_size=20) | st.sampled_from(["Green TEA", "tea tea käse", "unheard of"]),
)
def test_the_day_makes_the_vectors_of_the_night(
    describer: ColdStartEncoder, path: list[str], brand: str | None, price: float | None, text: str
) -> None:
    decile = int(deciles(np.array([np.nan if price is None else price]), BOUNDS)[0])
    vocabulary = Vocabulary(NAMES)
    labels = attributes(path, brand, decile)
    inputs, outputs = ColdStartModel(vocabulary, VECTORS, MAPS, FACT.temperature).vectors([labels], [text])
    x, v = describer.vectors(path, brand, price, text)
    np.testing.assert_allclose(x[: HEADS * D], inputs[0], atol=1e-5)
    np.testing.assert_allclose(v[: HEADS * D], outputs[0], atol=1e-5)
    part = (vocabulary.matrix([labels], [text]) @ TEXTS)[0]
    length = np.linalg.norm(part)
    there = slice(HEADS * D, HEADS * D + T)
    np.testing.assert_allclose(x[there], part / (length or 1.0), atol=1e-5)
    np.testing.assert_allclose(v[there], TEXT.weight * x[there], atol=1e-6)
    assert not x[there.stop :].any()  # nothing was fitted to what pictures show
    assert not v[there.stop : -1].any()
    assert (x[-1], v[-1]) == (0.0, FACT.bias)
    assert x.dtype == v.dtype == np.float32


def test_what_is_not_known_at_all_has_the_bias_alone(describer: ColdStartEncoder) -> None:
    x, v = describer.vectors([], None, None, "")
    assert not x.any()
    assert not v[:-1].any()
    assert v[-1] == FACT.bias


def test_a_release_describes_items(two: Two) -> None:
    release = Release(two.releases / two.new)
    label = release.arrays["label_vector"]
    x, v = release.cold_start_vectors({"category": ["FOOD", "DAIRY"], "brand": "Ünder", "price": 3.0, "title": "Größe"})
    found = [release.labels.find(name) for name in attributes(["FOOD", "DAIRY"], "Ünder", 0)]
    e = label[found].sum(axis=0) / 2 + label[release.labels.find(words("Größe")[0])]
    np.testing.assert_allclose(x[:2], e @ release.arrays["label_map"], rtol=1e-5)
    np.testing.assert_allclose(v[:2], e / np.linalg.norm(e) / 0.5, rtol=1e-5)
    assert len(x) == len(v) == release.manifest.dims["D"]
