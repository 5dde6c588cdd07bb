"""Text and behaviour in one space, in which the score of an item for a user is an inner product.

    x = [ x_b ; t ; 0 ]        v = [ y_b ; weight * t ; bias ]

x_b, y_b and the bias come from the behaviour model (the bias less the mean of all). t is the text vector, centred, cut
to its principal components and of length 1. An item that training never saw ("cold") takes x_b and y_b from its
text, by ridge regression.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Sums = NDArray[np.float64]

RIDGE = 1.0
"""Added to the diagonal of the normal equations: as if each direction of t had been seen in one more item, at zero."""

WARM_EVENTS = 5
"""The regression learns from items with at least so many training events: vectors of the others are mostly noise."""

COLD_BIAS = 0.1
"""Quantile of the biases of trained items that cold items get. A bias says how often an item is had; an item nobody had
yet must not rank among the favourites because its text reads like theirs, but may pass the least wanted."""


def gram(rows: Matrix, weights: Sums | None = None) -> Sums:
    """Sum over rows z of weight * z z^T, float64. It adds up over blocks and partitions.

    rows: shape (n, m). weights: shape (n,), by default 1. Returns shape (m, m).
    """
    exact = rows.astype(np.float64)
    return np.asarray((exact if weights is None else exact * weights[:, None]).T @ exact)


def with_one(*parts: Matrix) -> Matrix:
    """Parts side by side, after a column of ones."""
    return np.concatenate([np.ones((len(parts[0]), 1), dtype=np.float32), *parts], axis=1)


@dataclass(frozen=True)
class Basis:
    """The principal components of text vectors."""

    mean: Matrix
    """Shape (d,)."""
    components: Matrix
    """Shape (d, d_t), orthonormal columns, by falling variance."""

    @classmethod
    def of(cls, sums: Sums, dimensions: int) -> "Basis":
        """From the `gram` of [1 ; text], weighted by items a text: eigenvectors of the covariance. At most d of them.

        Each is turned so that its largest coordinate is positive; the same sums always give the same basis.
        """
        count = max(sums[0, 0], 1.0)
        mean = sums[0, 1:] / count
        _, vectors = np.linalg.eigh(sums[1:, 1:] / count - np.outer(mean, mean))
        components = vectors[:, ::-1][:, :dimensions]
        largest = np.take_along_axis(components, np.abs(components).argmax(axis=0)[None], axis=0)
        return cls(mean.astype(np.float32), (components * np.sign(largest)).astype(np.float32))

    def cut(self, texts: Matrix) -> Matrix:
        """t of text vectors, shape (n, d) to (n, d_t): length 1, or zeros for an item without text (all zeros)."""
        cut = (texts - self.mean) @ self.components
        norms = np.linalg.norm(cut, axis=1, keepdims=True)
        there = texts.any(axis=1, keepdims=True) & (norms > 0)
        return np.where(there, cut / np.where(norms > 0, norms, 1.0), 0.0).astype(np.float32)


def ridge(sums: Sums, text: int) -> Matrix:
    """Ridge regression of [x_b ; y_b] on [1 ; t]: W = (Z^T Z + RIDGE I)^-1 Z^T Y.

    sums: the `gram` of [1 ; t ; x_b ; y_b] over warm items. text: d_t. Returns shape (1 + d_t, 2 d_b).
    """
    size = 1 + text
    return np.linalg.solve(sums[:size, :size] + RIDGE * np.eye(size), sums[:size, size:]).astype(np.float32)


@dataclass(frozen=True)
class Space:
    """How items get their vectors."""

    basis: Basis
    regression: Matrix
    """Shape (1 + d_t, 2 d_b)."""
    weight: float
    """Of the text part in a score."""
    cold_bias: float
    bias_mean: float = 0.0
    """Taken off every bias, which changes no order: biases are logarithms of small shares, all far below 0, and would
    make all vectors long and alike, which an index of angles cannot tell apart."""

    @property
    def text(self) -> int:
        """d_t."""
        return self.basis.components.shape[1]

    @property
    def behaviour(self) -> int:
        """d_b."""
        return self.regression.shape[1] // 2

    @property
    def dimensions(self) -> int:
        """D; the last coordinate is the bias."""
        return self.behaviour + self.text + 1

    def join(
        self, texts: Matrix, inputs: Matrix, outputs: Matrix, biases: Matrix, cold: NDArray[np.bool_]
    ) -> tuple[Matrix, Matrix]:
        """x and v of items, each float32, shape (n, D).

        texts: shape (n, d). inputs, outputs: of the behaviour model, shape (n, d_b). biases, cold: shape (n,); what
        stands in inputs, outputs and biases of a cold item is not read.
        """
        t = self.basis.cut(texts)
        guess = with_one(t) @ self.regression
        inputs = np.where(cold[:, None], guess[:, : self.behaviour], inputs)
        outputs = np.where(cold[:, None], guess[:, self.behaviour :], outputs)
        biases = (np.where(cold, self.cold_bias, biases) - self.bias_mean).astype(np.float32)[:, None]
        x = np.concatenate([inputs, t, np.zeros_like(biases)], axis=1)
        v = np.concatenate([outputs, self.weight * t, biases], axis=1)
        return x.astype(np.float32), v.astype(np.float32)
