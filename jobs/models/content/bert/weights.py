"""The weights of a BERT-like model, read without torch."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FIRST_PLACES: dict[str, Callable[[dict[str, Any]], int]] = {
    "bert": lambda config: 0,
    "roberta": lambda config: int(config["pad_token_id"]) + 1,
    "xlm-roberta": lambda config: int(config["pad_token_id"]) + 1,
}
"""The kinds of models that are computed alike, and the place of a text's first token in the table of places."""

Matrix = NDArray[np.float32]


class Linear(NamedTuple):
    """A product with what is added."""

    weight: Matrix
    """(to, from)."""
    bias: Matrix
    """(to,)."""


class Norm(NamedTuple):
    """A layer norm."""

    gain: Matrix
    bias: Matrix


class Layer(NamedTuple):
    """A layer of a transformer."""

    attend: Linear
    """To queries, keys and values, one below the other."""
    attended: Linear
    norm: Norm
    up: Linear
    down: Linear
    last: Norm


class TransformerWeights(NamedTuple):
    """What a model learned, in float32."""

    words: Matrix
    """(tokens, width)."""
    places: Matrix
    """(places, width), with the vector of the token type, of which texts have one."""
    norm: Norm
    layers: list[Layer]
    heads: int
    epsilon: float
    first_place: int

    @property
    def longest(self) -> int:
        """The most tokens of a text."""
        return len(self.places) - self.first_place


def read(folder: Path) -> TransformerWeights | None:
    """Read a model's folder. None where the model is of another kind.

    What is wrong with a damaged one is said by what loads it in the other way.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / "config.json").read_text())
        return _weights(config, load_file(folder / "model.safetensors")) if _as_bert(config) else None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def _as_bert(config: dict[str, Any]) -> bool:
    """Whether a model computes what `reference` does."""
    usual = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
    same = all(config.get(name, value) == value for name, value in usual.items())
    return same and config["model_type"] in FIRST_PLACES and not config.get("quantization_config")


def _weights(config: dict[str, Any], tensors: Mapping[str, NDArray[Any]]) -> TransformerWeights:
    named = {name.removeprefix(f"{config['model_type'].replace('-', '_')}."): name for name in tensors}

    def take(name: str) -> Matrix:
        return np.ascontiguousarray(tensors[named[name]], dtype=np.float32)

    def linear(*names: str) -> Linear:
        return Linear(*(np.concatenate([take(f"{name}.{kind}") for name in names]) for kind in ("weight", "bias")))

    def norm(name: str) -> Norm:
        return Norm(take(f"{name}.weight"), take(f"{name}.bias"))

    layers = []
    for number in range(int(config["num_hidden_layers"])):
        at = f"encoder.layer.{number}"
        layers.append(
            Layer(
                linear(*(f"{at}.attention.self.{name}" for name in ("query", "key", "value"))),
                linear(f"{at}.attention.output.dense"),
                norm(f"{at}.attention.output.LayerNorm"),
                linear(f"{at}.intermediate.dense"),
                linear(f"{at}.output.dense"),
                norm(f"{at}.output.LayerNorm"),
            )
        )
    return TransformerWeights(
        words=take("embeddings.word_embeddings.weight"),
        places=take("embeddings.position_embeddings.weight") + take("embeddings.token_type_embeddings.weight")[0],
        norm=norm("embeddings.LayerNorm"),
        layers=layers,
        heads=int(config["num_attention_heads"]),
        epsilon=float(config["layer_norm_eps"]),
        first_place=FIRST_PLACES[config["model_type"]](config),
    )
