"""How often the nearest product by picture, by title, or by both is of the same kind.

--products: a Parquet file with the columns that --kind, --title and --picture name (the bytes of a JPEG, PNG or WebP);
without one, made pictures of three shapes. Vectors are those of a night, of the vision model and the text model, cut to
the principal components of the catalogue. The kind is used to count, and never to fit, but for the lines that say so:
there the components are those in which the kinds of the other four fifths of the products differ, and a product of the
fifth that the fit did not see is asked for. Also: how often a picture is among the ten that its title alone finds, as
the labels of a release tell it by day, over products that the fit did not see. --keep: a file for the vision model's
vectors, which are read from it where it is there.
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
from jobs.models.content.space import Basis, WithinCategories, gram, with_one
from tests.benchmarks.shared.timing import SEED, options, table

Vectors = NDArray[np.float32]
BLOCK = 1000
FIRST = 10
FOLDS = 5
TOY = 32
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
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args(argv)
    products = read(given.products, given.kind, given.title, given.picture) if given.products else made(given.toy)
    texts = EmbedConfig()
    seen = vectors_of(products.pictures, given.model, given.keep)
    seen = seen[:, :TOY] if given.toy else seen  # components of a thousand numbers take their time
    look, title = cut(seen, given.dimensions), cut(text_vectors(products.titles, texts), texts.dimensions)
    codes = np.unique(products.kinds, return_inverse=True)[1]
    rows = [["look", same(look, codes)], ["text", same(title, codes)]]
    rows += [[f"look {weight:g} + text {1 - weight:g}", same(beside(look, title, weight), codes)] for weight in WEIGHTS]
    apart = np.random.default_rng(SEED).integers(0, FOLDS, len(codes))
    told = [discriminants(seen, np.where(apart == fold, -1, codes), given.dimensions) for fold in range(FOLDS)]
    for name, both in (("look, kinds of the others known", False), ("the same 0.5 + text 0.5", True)):
        found = [beside(one, title, 0.5) if both else one for one in told]
        shares = [same(one, codes, apart == fold) * (apart == fold).mean() for fold, one in enumerate(found)]
        rows.append([name, sum(shares)])
    rows.append(["any other product", float((np.bincount(codes) / len(codes)) @ (np.bincount(codes) / len(codes)))])
    print(f"{len(codes):,} products of {codes.max() + 1} kinds; {given.model}")
    table(["nearest by", "of the same kind"], [[name, f"{100 * share:.1f} %"] for name, share in rows])  # type: ignore[operator]
    recall, cosine, measured = by_words(products.titles, look)
    print(f"titles of {measured:,} products that find their own picture among the first {FIRST}: {100 * recall:.1f} %")
    print(f"cosine of what words say of a look and of the look: {cosine or 0:.3f}")
    return 0


def vectors_of(pictures: list[bytes], model: str, keep: Path | None) -> Vectors:
    """What the vision model makes of pictures, or what it made of them before."""
    if keep is not None and keep.exists():
        kept: Vectors = np.load(keep)
        return kept
    images = ImagesConfig()
    encoder = PictureEncoder(located(model, Path.cwd()), batch=images.batch)
    found = encoder.encode([decode(data, images.max_pixels, encoder.side) for data in pictures])
    if keep is not None:
        np.save(keep, found)
    return found


def cut(vectors: Vectors, dimensions: int) -> Vectors:
    """The part of item vectors that a night makes of them."""
    return Basis.of(gram(with_one(vectors)), dimensions).cut(vectors)


def discriminants(vectors: Vectors, codes: NDArray[np.int64], dimensions: int) -> Vectors:
    """The same, of a night that knows the category of some products. codes: below 0 where it does not."""
    within = WithinCategories.of(vectors, codes, int(codes.max()) + 1).covariance()
    return Basis.of(gram(with_one(vectors)), dimensions, within).cut(vectors)


def beside(look: Vectors, title: Vectors, weight: float) -> Vectors:
    """Both, so that an inner product is the mean of two cosines. weight: of the look."""
    return np.concatenate([weight**0.5 * look, (1 - weight) ** 0.5 * title], axis=1)


def same(vectors: Vectors, codes: NDArray[np.int64], asked: NDArray[np.bool_] | None = None) -> float:
    """The share of products whose nearest other one is of the same kind. asked: which are; None: all."""
    places, right = np.arange(len(vectors)) if asked is None else np.flatnonzero(asked), 0
    for start in range(0, len(places), BLOCK):
        rows = places[start : start + BLOCK]
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(rows)), rows] = -np.inf
        right += int((codes[scores.argmax(axis=1)] == codes[rows]).sum())
    return right / max(len(places), 1)


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
