"""A transformer in int8, by the kernel of `kernel.cpp`.

A product has int8 weights, with a step for each output, and rows of 8 bits, with a step for each token. Outliers would
make steps large, so rows and weights are turned by a Hadamard matrix, which leaves the product as it is.
(Ashkboos et al., QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs, 2024.) What attention finds needs no turn of its
own: values are turned head by head, in the weights that make them.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.infra.compiled.library import address, library
from jobs.models.content.bert.weights import Layer, Linear, Matrix, TransformerWeights

VERSION = 1
"""A change of the kernel, or of how weights are rounded, that moves vectors raises it."""
COLUMNS = 64
"""Of a tile, as in kernel.cpp."""
LANES, TURNED = 16, 128
"""As in kernel.cpp: numbers of a vector of the processor, and numbers of a row that are turned together."""


def runs() -> bool:
    """Whether the kernel was built, and this processor has what it needs."""
    found = library()
    return found is not None and bool(found.daybreak_encodes())


def takes(weights: TransformerWeights) -> bool:
    """Whether the widths of a model are those that the kernel takes."""
    width, inner = weights.words.shape[1], len(weights.layers[0].up.bias)
    size = width // weights.heads
    whole = width % TURNED == 0 and inner % TURNED == 0 and inner >= width
    return whole and size >= LANES and size & (size - 1) == 0 and size * weights.heads == width


class _Product(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("weights", "scale", "sum", "bias")] + [
        (name, ctypes.c_int64) for name in ("words", "columns")
    ]


class _Layer(ctypes.Structure):
    _fields_ = [(name, _Product) for name in ("attend", "attended", "up", "down")] + [
        (name, ctypes.c_void_p) for name in ("gain1", "bias1", "gain2", "bias2")
    ]


class _Transformer(ctypes.Structure):
    _fields_ = (
        [(name, ctypes.c_void_p) for name in ("words", "places", "gain", "bias", "layers")]
        + [(name, ctypes.c_int64) for name in ("depth", "width", "inner", "heads", "first_place", "first_token")]
        + [("epsilon", ctypes.c_float)]
    )


class Int8Transformer:
    """A BERT-like model whose products are in int8. Any number of threads may use it at the same time."""

    def __init__(self, weights: TransformerWeights, first_token: bool):
        """first_token: whether the vector of a text is that of its first token; otherwise it is the mean of all."""
        self._kept: list[NDArray[Any]] = []  # what the structures point to
        self._tokens, self.width = weights.words.shape
        self.longest = weights.longest
        self._layers = (_Layer * len(weights.layers))(*(self._layer(one, weights.heads) for one in weights.layers))
        self._model = _Transformer(
            words=self._at(weights.words),
            places=self._at(weights.places),
            gain=self._at(weights.norm.gain),
            bias=self._at(weights.norm.bias),
            layers=ctypes.addressof(self._layers),
            depth=len(weights.layers),
            width=self.width,
            inner=len(weights.layers[0].up.bias),
            heads=weights.heads,
            first_place=weights.first_place,
            first_token=first_token,
            epsilon=weights.epsilon,
        )

    def vectors(self, texts: Sequence[Sequence[int]]) -> Matrix:
        """The vectors of texts, float32 (n, width), of length 1. A vector has the same bits whatever else is asked.

        texts: the tokens of each, one at least and `longest` at most. Raises ValueError where one has others.
        """
        kernel = library()
        if kernel is None:
            raise RuntimeError("there is no kernel here")
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        offsets = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
        tokens = np.fromiter((token for text in texts for token in text), np.int32, int(offsets[-1]))
        if len(texts) and (lengths.min() < 1 or lengths.max() > self.longest):
            raise ValueError(f"texts have {lengths.min()} to {lengths.max()} tokens, not 1 to {self.longest}")
        if len(texts) and (tokens.min() < 0 or tokens.max() >= self._tokens):
            raise ValueError(f"there are {self._tokens} tokens, but texts have {tokens.min()} to {tokens.max()}")
        found = np.empty((len(texts), self.width), dtype=np.float32)
        failed = kernel.daybreak_encode(
            ctypes.byref(self._model),
            ctypes.c_void_p(address(tokens, np.int32, tokens.shape)),
            ctypes.c_void_p(address(offsets, np.int64, offsets.shape)),
            ctypes.c_int64(len(texts)),
            ctypes.c_void_p(address(found, np.float32, found.shape)),
        )
        if failed:
            raise MemoryError(f"vectors of texts of up to {lengths.max()} tokens")
        return found

    def _layer(self, layer: Layer, heads: int) -> _Layer:
        width = len(layer.attended.bias)
        attend, attended = _turned_values(layer, width // heads)
        norms = (layer.norm.gain, layer.norm.bias, layer.last.gain, layer.last.bias)
        return _Layer(
            self._product(_turned(attend)),
            self._product(attended),
            self._product(_turned(layer.up)),
            self._product(_turned(layer.down)),
            *(self._at(one) for one in norms),
        )

    def _product(self, product: Linear) -> _Product:
        to, words = len(product.bias), product.weight.shape[1] // 4
        scale = np.maximum(np.abs(product.weight).max(axis=1), np.float32(1e-30)) / np.float32(127)
        whole = np.rint(product.weight / scale[:, None]).astype(np.int8)
        packed = whole.reshape(to // COLUMNS, COLUMNS, words, 4).transpose(0, 2, 1, 3)
        sums = whole.sum(axis=1, dtype=np.int64).astype(np.float32) * scale
        pointers = [self._at(one) for one in (np.ascontiguousarray(packed), scale, sums, product.bias)]
        return _Product(*pointers, words, to)

    def _at(self, array: NDArray[Any]) -> int | None:
        self._kept.append(array)
        return address(array, array.dtype.type, array.shape)


def hadamard(size: int) -> Matrix:
    """The Hadamard matrix of a power of two, (size, size), of 1 and -1."""
    found = np.ones((1, 1), dtype=np.float32)
    while len(found) < size:
        found = np.block([[found, found], [found, -found]])
    return found


def _turned(product: Linear) -> Linear:
    """The product for rows that the kernel turns, which leaves the factor out."""
    to, size = product.weight.shape
    turned = product.weight.reshape(to, size // TURNED, TURNED) @ hadamard(TURNED) / np.float32(TURNED)
    return product._replace(weight=turned.reshape(to, size))


def _turned_values(layer: Layer, size: int) -> tuple[Linear, Linear]:
    """`attend` with values that are turned head by head, and `attended` for such ones. size: of a head."""
    turn = hadamard(size) / np.float32(np.sqrt(size))
    width = len(layer.attended.bias)
    weight, bias = layer.attend.weight.copy(), layer.attend.bias.copy()
    values = weight[2 * width :].reshape(width // size, size, width)
    weight[2 * width :] = (turn @ values).reshape(width, width)
    bias[2 * width :] = (bias[2 * width :].reshape(-1, size) @ turn).reshape(width)
    attended = layer.attended.weight.reshape(width, width // size, size) @ turn
    return Linear(weight, bias), layer.attended._replace(weight=attended.reshape(width, width))
