"""How often the nearest product by picture, by title, or by both is of the same kind.

--products: a Parquet file with the columns that --kind, --title and --picture name (the bytes of a JPEG, PNG or WebP);
without one, made pictures of three shapes. The kind is used to count, never to fit: vectors are those of a night, of
the vision model and the text model, cut to the principal components of the catalogue. Also: how often a picture is
among the ten that its title alone finds, as the labels of a release tell it by day, over products that the fit did not
see.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import EmbedConfig, ImagesConfig
from jobs.evaluation.methods.daybreak import text_vectors
from jobs.models.attributes import Vocabulary
from jobs.models.content.attribute_parts import fit_parts, held_out
from jobs.models.content.picture import decode
from jobs.models.content.picture_encoder import PictureEncoder, located
from jobs.models.content.space import Basis, gram, with_one
from tests.benchmarks.shared.timing import SEED, options, table

Vectors = NDArray[np.float32]
BLOCK = 1000
FIRST = 10
WEIGHTS = (0.25, 0.5, 0.75)
"""Of the look beside the text, to show how flat the best is; a release takes both alike (0.5)."""


class Products(NamedTuple):
    """What is measured on."""

    kinds: list[str]
    titles: list[str]
    pictures: list[bytes]


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--products", type=Path)
    parser.add_argument("--kind", default="articleType")
    parser.add_argument("--title", default="productDisplayName")
    parser.add_argument("--picture", default="image_jpeg")
    parser.add_argument("--model", default=ImagesConfig().model)
    parser.add_argument("--dimensions", type=int, default=ImagesConfig().dimensions)
    given = parser.parse_args(argv)
    products = read(given.products, given.kind, given.title, given.picture) if given.products else made(given.toy)
    images, texts = ImagesConfig(), EmbedConfig()
    encoder = PictureEncoder(located(given.model, Path.cwd()), batch=images.batch)
    pictures = [decode(data, images.max_pixels, encoder.side) for data in products.pictures]
    look, title = (
        cut(encoder.encode(pictures), given.dimensions),
        cut(text_vectors(products.titles, texts), texts.dimensions),
    )
    codes = np.unique(products.kinds, return_inverse=True)[1]
    rows = [["look", same(look, codes)], ["text", same(title, codes)]]
    for weight in WEIGHTS:
        both = np.concatenate([weight**0.5 * look, (1 - weight) ** 0.5 * title], axis=1)
        rows.append([f"look {weight:g} + text {1 - weight:g}", same(both, codes)])
    rows.append(["any other product", float((np.bincount(codes) / len(codes)) @ (np.bincount(codes) / len(codes)))])
    print(f"{len(codes):,} products of {codes.max() + 1} kinds; {given.model}")
    table(["nearest by", "of the same kind"], [[name, f"{100 * share:.1f} %"] for name, share in rows])  # type: ignore[operator]
    found, cosine, measured = by_words(products.titles, look)
    print(f"titles of {measured:,} products that find their own picture among the first {FIRST}: {100 * found:.1f} %")
    print(f"cosine of what words say of a look and of the look: {cosine or 0:.3f}")
    return 0


def cut(vectors: Vectors, dimensions: int) -> Vectors:
    """The part of item vectors that a night makes of them."""
    return Basis.of(gram(with_one(vectors)), dimensions).cut(vectors)


def same(vectors: Vectors, codes: NDArray[np.int64]) -> float:
    """The share of products whose nearest other one is of the same kind."""
    right = 0
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(rows)), rows] = -np.inf
        right += int((codes[scores.argmax(axis=1)] == codes[rows]).sum())
    return right / len(vectors)


def by_words(titles: list[str], look: Vectors) -> tuple[float, float | None, int]:
    """Recall of a product's picture by its title, the mean cosine, and how many products were measured."""
    apart, nothing = held_out(titles), [[] for _ in titles]
    learned = np.flatnonzero(~apart)
    vocabulary = Vocabulary.of([[] for _ in learned], [titles[row] for row in learned])
    labels = vocabulary.matrix(nothing, titles)
    fitted, cosine = fit_parts(labels, look, apart)
    rows = np.flatnonzero(apart)
    scores = (labels[rows] @ fitted) @ look.T
    better = (scores > scores[np.arange(len(rows)), rows][:, None]).sum(axis=1)
    return float((better < FIRST).mean()) if len(rows) else 0.0, cosine, len(rows)


def read(path: Path, kind: str, title: str, picture: str) -> Products:
    """The products of a file."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=[kind, title, picture])
    return Products(*(rows[name].to_pylist() for name in (kind, title, picture)))


def made(toy: bool) -> Products:
    """Products of three shapes in any colour; a title names the colour, and every other one the shape."""
    from PIL import Image, ImageDraw

    rng, products = np.random.default_rng(SEED), Products([], [], [])
    for n in range(30 if toy else 300):
        shape, colour = ("disc", "square", "bar")[n % 3], tuple(rng.integers(0, 200, 3).tolist())
        picture = Image.new("RGB", (60, 80), "white")
        box = (5 + n % 7, 10, 50, 30 if shape == "bar" else 55)
        draw = ImageDraw.Draw(picture)
        (draw.ellipse if shape == "disc" else draw.rectangle)(box, fill=colour)
        file = io.BytesIO()
        picture.save(file, "PNG")
        products.kinds.append(shape)
        products.titles.append(f"{('red', 'green', 'blue')[int(np.argmax(colour))]} {shape if n % 2 else 'thing'}")
        products.pictures.append(file.getvalue())
    return products
