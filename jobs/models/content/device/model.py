"""A transformer over texts that lie one after another."""

from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch

from jobs.models.content.bert.weights import Layer, Linear, Matrix, Norm, TransformerWeights
from jobs.models.content.device.packing import Batch, Room

VERSION = 1
"""A change of how vectors are computed that moves them by more than rounding raises it."""
SIZES = (16, 32, 64, 128)
"""Of a head."""


def runs(device: str) -> bool:
    """Whether the device multiplies bfloat16, and kernels can be compiled for it."""
    kind = torch.device(device)
    there = kind.type == "cuda" and torch.cuda.is_available() and torch.version.cuda is not None
    return there and torch.cuda.get_device_capability(kind)[0] >= 8 and find_spec("triton") is not None


def takes(weights: TransformerWeights) -> bool:
    """Whether the widths of a model are those that the kernels take."""
    width = weights.words.shape[1]
    return width % weights.heads == 0 and width // weights.heads in SIZES


class _Product(NamedTuple):
    weight: torch.Tensor
    """(from, to)."""
    bias: torch.Tensor


class _Layer(NamedTuple):
    attend: _Product
    attended: _Product
    norm: tuple[torch.Tensor, torch.Tensor, float]
    up: _Product
    down: _Product
    last: tuple[torch.Tensor, torch.Tensor, float]


class PackedTransformer:
    """A BERT-like model in bfloat16. Sums, norms, shares of attention and the pooling are in float32."""

    def __init__(self, weights: TransformerWeights, first_token: bool, room: Room, *, device: str, fused: ModuleType):
        """fused: the module of what is between the products."""
        self.room, self.device, self._first_token, self._fused = room, torch.device(device), first_token, fused
        self.first_place, self.width = weights.first_place, weights.words.shape[1]
        self._heads, self._epsilon = weights.heads, weights.epsilon
        self._words, self._spots = self._half(weights.words), self._half(weights.places)
        self._norm = self._put_norm(weights.norm)
        self._layers = [self._put_layer(one) for one in weights.layers]

    def check(self, batch: Batch) -> None:
        """Raise ValueError where a batch has tokens or places that the model does not have."""
        tokens, places, _ = np.split(batch.numbers, [self.room.tokens, 2 * self.room.tokens])
        for name, own, table in (("tokens", tokens, self._words), ("places", places, self._spots)):
            if own.min() < 0 or own.max() >= len(table):
                raise ValueError(f"there are {len(table)} {name}, but texts have {own.min()} to {own.max()}")

    def vectors(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the vectors of the texts of a batch, float32 (room.blocks, width), of length 1.

        numbers: as in `Batch`, on the device. Rows after the last text are anything.
        """
        with torch.inference_mode():
            return self._vectors(numbers)

    def _vectors(self, numbers: torch.Tensor) -> torch.Tensor:
        size, count, fused = self.room.tokens, self.room.blocks, self._fused
        tokens, places, blocks, texts = numbers.split([size, size, 3 * count, 2 * count])
        blocks, texts = blocks.view(count, 3), texts.view(count, 2)
        states = fused.embed(tokens, places, self._words, self._spots, self._norm)
        for layer in self._layers:
            joint = torch.addmm(layer.attend.bias, states, layer.attend.weight)
            found = torch.mm(fused.attend(joint, blocks, self._heads), layer.attended.weight)
            states = fused.add_norm(found, layer.attended.bias, states, layer.norm)
            # The activation is within the product: GELU by a hyperbolic tangent.
            inner = torch._addmm_activation(layer.up.bias, states, layer.up.weight, use_gelu=True)
            states = fused.add_norm(torch.mm(inner, layer.down.weight), layer.down.bias, states, layer.last)
        return fused.pool(states, texts, self._first_token)

    def products(self) -> list[tuple[int, int]]:
        """From and to how many numbers each product of a layer goes, for every token."""
        layer = self._layers[0]
        return [tuple(one.weight.shape) for one in (layer.attend, layer.attended, layer.up, layer.down)]

    @property
    def depth(self) -> int:
        """How many layers there are."""
        return len(self._layers)

    def _put_layer(self, layer: Layer) -> _Layer:
        return _Layer(
            self._put_product(layer.attend, half=True),
            self._put_product(layer.attended, half=False),
            self._put_norm(layer.norm),
            self._put_product(layer.up, half=True),
            self._put_product(layer.down, half=False),
            self._put_norm(layer.last),
        )

    def _put_product(self, product: Linear, *, half: bool) -> _Product:
        """half: whether the product itself adds the bias."""
        bias = self._half(product.bias) if half else self._put(product.bias)
        return _Product(self._half(product.weight).T, bias)

    def _put_norm(self, norm: Norm) -> tuple[torch.Tensor, torch.Tensor, float]:
        return self._put(norm.gain), self._put(norm.bias), self._epsilon

    def _put(self, array: Matrix) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def _half(self, array: Matrix) -> torch.Tensor:
        return self._put(array).bfloat16()
