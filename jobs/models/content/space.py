"""Behaviour and content in one space, in which the score of an item for a user is an inner product.

    x = [ x_b ; t_1 ; t_2 ; … ; 0 ]        v = [ y_b ; weight_1 * t_1 ; weight_2 * t_2 ; … ; bias ]

x_b, y_b and the bias come from the behaviour model (the bias less the mean of all). Each t is the vector of a content
model, of the text or of the picture, centred, cut to its principal components and scaled to length 1. A cold item,
which training never saw, takes x_b and y_b from the vectors of its attributes: category, brand, price and words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.models.attributes import Vocabulary
from lookup.scoring.cold_start import behaviour

RIDGE = 0.3
"""Of within-category covariances, as a share of the mean variance. 0.03 to 1 are alike within half a point."""
Matrix = NDArray[np.float32]
Sums = NDArray[np.float64]


def gram(rows: Matrix, weights: Sums | None = None) -> Sums:
    """Return the sum over rows z of weight * z z^T, float64. It adds up over blocks and partitions.

    rows: shape (n, m). weights: shape (n,), by default 1. Returns shape (m, m).
    """
    exact = rows.astype(np.float64)
    return np.asarray((exact if weights is None else exact * weights[:, None]).T @ exact)


def with_one(*parts: Matrix) -> Matrix:
    """Put parts side by side, after a column of ones."""
    return np.concatenate([np.ones((len(parts[0]), 1), dtype=np.float32), *parts], axis=1)


@dataclass(frozen=True)
class Basis:
    """The principal components of the vectors of a content model."""

    mean: Matrix
    """Shape (d,)."""
    components: Matrix
    """Shape (d, d_t), by falling variance; orthonormal columns where no categories tell what matters."""

    @classmethod
    def of(cls, sums: Sums, dimensions: int, within: Sums | None = None) -> "Basis":
        """Make a basis of at most `dimensions` eigenvectors of the covariance.

        sums: the `gram` of [1 ; vector], weighted by the number of items with the vector. Each component is turned so
        that its largest coordinate is positive, so the same sums always give the same basis.

        within: the covariance within categories, (d, d). With it the directions are those that tell categories apart,
        and those in which things of one category differ count little: linear discriminants (Fisher, "The use of
        multiple measurements in taxonomic problems", 1936), with a ridge for directions that hardly vary.
        """
        count = max(sums[0, 0], 1.0)
        mean = sums[0, 1:] / count
        covariance = sums[1:, 1:] / count - np.outer(mean, mean)
        if within is None:
            components = _principal(covariance, dimensions)
        else:
            whitened = _inverse_root(within)
            components = whitened @ _principal(whitened @ (covariance - within) @ whitened, dimensions)
        largest = np.take_along_axis(components, np.abs(components).argmax(axis=0)[None], axis=0)
        return cls(mean.astype(np.float32), (components * np.sign(largest)).astype(np.float32))

    @property
    def width(self) -> int:
        """d_t."""
        return self.components.shape[1]

    def cut(self, vectors: Matrix) -> Matrix:
        """Return t of vectors, (n, d) to (n, d_t): of length 1, or zeros for an item without one (all zeros)."""
        cut = (vectors - self.mean) @ self.components
        norms = np.linalg.norm(cut, axis=1, keepdims=True)
        there = vectors.any(axis=1, keepdims=True) & (norms > 0)
        return np.where(there, cut / np.where(norms > 0, norms, 1.0), 0.0).astype(np.float32)


def _principal(matrix: Sums, dimensions: int) -> Sums:
    """The eigenvectors of a symmetric matrix with the largest eigenvalues, (d, at most dimensions)."""
    return np.asarray(np.linalg.eigh(matrix)[1][:, ::-1][:, :dimensions])


def _inverse_root(covariance: Sums) -> Sums:
    """The inverse of the square root of a covariance with a ridge of RIDGE times its mean variance."""
    ridge = max(RIDGE * float(np.trace(covariance)) / max(len(covariance), 1), 1e-12)
    values, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
    return np.asarray((vectors / np.sqrt(np.maximum(values, ridge))) @ vectors.T)


@dataclass
class WithinCategories:
    """The covariance of vectors within categories, added up over blocks and partitions.

    gram: the sum of v v^T over vectors, (d, d). sums: of the vectors of each of c categories, (c, d). counts: (c,).
    """

    gram: Sums
    sums: Sums
    counts: Sums

    @classmethod
    def of(cls, vectors: Matrix, codes: NDArray[np.int64], categories: int) -> "WithinCategories":
        """Of some vectors, (n, d). codes: the category of each, (n,); those below 0 do not count."""
        there = (codes >= 0) & vectors.any(axis=1)
        exact, known = vectors[there].astype(np.float64), codes[there]
        sums = np.zeros((categories, vectors.shape[1]))
        np.add.at(sums, known, exact)
        return cls(exact.T @ exact, sums, np.bincount(known, minlength=categories).astype(np.float64))

    def __add__(self, other: "WithinCategories") -> "WithinCategories":
        return WithinCategories(self.gram + other.gram, self.sums + other.sums, self.counts + other.counts)

    def covariance(self) -> Sums | None:
        """(d, d); None where fewer than two categories have two vectors each, so that nothing can be told apart."""
        if np.count_nonzero(self.counts > 1) < 2:
            return None
        scaled = self.sums / np.sqrt(np.maximum(self.counts, 1.0))[:, None]
        return np.asarray((self.gram - scaled.T @ scaled) / self.counts.sum())


@dataclass(frozen=True)
class ColdStartModel:
    """The part of the behaviour model that gives cold items their vectors."""

    vocabulary: Vocabulary
    attribute_vectors: Matrix
    """(L, d_b), one part a head."""
    maps: Matrix
    """(heads, d, d)."""
    temperature: float

    def vectors(self, attributes: list[list[str]], texts: list[str]) -> tuple[Matrix, Matrix]:
        """Return x_b and y_b of items from their attributes, float32 (n, d_b) each; zeros where none is known."""
        sums = self.vocabulary.matrix(attributes, texts) @ self.attribute_vectors
        return behaviour(sums.reshape(len(texts), len(self.maps), -1), self.maps, self.temperature)


@dataclass(frozen=True)
class Content:
    """A content part of the space."""

    name: str
    """Of `lookup.scoring.parts`."""
    basis: Basis
    weight: float
    """How much the part counts in a score."""


@dataclass(frozen=True)
class Space:
    """The vector space of items and users."""

    content: tuple[Content, ...]
    """The parts after behaviour, in order."""
    cold_start: ColdStartModel
    cold_bias: float
    """The bias of cold items."""

    @property
    def behaviour(self) -> int:
        """d_b."""
        return self.cold_start.attribute_vectors.shape[1]

    @property
    def dimensions(self) -> int:
        """D; the last coordinate is the bias."""
        return self.behaviour + sum(part.basis.width for part in self.content) + 1

    def join(
        self, content: Sequence[Matrix], inputs: Matrix, outputs: Matrix, biases: Matrix, cold: NDArray[np.bool_]
    ) -> tuple[Matrix, Matrix]:
        """Return x and v of items, each float32, shape (n, D).

        content: the vectors of each content part's model, (n, d) each, in order. inputs, outputs: x_b and y_b of the
        behaviour model, for cold items of `ColdStartModel`, shape (n, d_b). biases, cold: shape (n,); cold items get
        `cold_bias` instead of their bias.
        """
        cut = [part.basis.cut(vectors) for part, vectors in zip(self.content, content, strict=True)]
        weighed = [part.weight * t for part, t in zip(self.content, cut, strict=True)]
        biases = np.where(cold, self.cold_bias, biases).astype(np.float32)[:, None]
        x = np.concatenate([inputs, *cut, np.zeros_like(biases)], axis=1)
        v = np.concatenate([outputs, *weighed, biases], axis=1)
        return x.astype(np.float32), v.astype(np.float32)


def shop_transitions(
    rows: NDArray[np.int64], items: int, next_item: NDArray[np.int32], next_weight: Matrix
) -> tuple[NDArray[np.int32], Matrix]:
    """Turn a model's item transitions into rows of a shop: int32 and float32 (items, N), -1 and 0 after the last.

    rows: the row of each of the model's n items, -1 where the shop no longer has it. items: how many items the shop
    has. next_item, next_weight: the model's arrays, (n, N).
    """
    found = np.full((items, next_item.shape[1]), -1, dtype=np.int32)
    weights = np.zeros(found.shape, dtype=np.float32)
    there = np.flatnonzero(rows >= 0)
    known = np.append(rows, -1).astype(np.int32)  # place -1 stands for no item and is the last
    found[rows[there]] = known[next_item[there]]
    weights[rows[there]] = np.where(found[rows[there]] >= 0, next_weight[there], 0.0)
    return found, weights


def shop_repeats(rows: NDArray[np.int64], items: int, item_repeat: Matrix) -> Matrix:
    """Turn a model's `item_repeat`, (n,), into that of a shop, float32 (items,); unknown items get the median.

    It is what the score of an item gains for users with the item in their history. rows, items: as in
    `shop_transitions`.
    """
    usual = np.median(item_repeat) if len(item_repeat) else 0.0
    found = np.full(items, usual, dtype=np.float32)
    there = rows >= 0
    found[rows[there]] = item_repeat[there]
    return found
