"""Fine-tuning a tiny model on a toy shop: it becomes better where there is something to learn, and is restored else."""

from pathlib import Path

import numpy as np
import pytest

from jobs.models.content.text_encoder import TextEncoder
from jobs.models.text_encoder_training.fit import FineTuneSettings, batch_loss, fine_tune, mine
from jobs.models.text_encoder_training.held_out import reciprocal_ranks, split
from jobs.models.text_encoder_training.pairs import Pair, misspelt, worse_titles
from tests.jobs.models.tiny_encoder import ITEMS, THINGS, write_tiny_encoder

SETTINGS = FineTuneSettings(epochs=12, learning_rate=3e-3, batch=24, held_out=0.25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def encoder(folder: Path) -> TextEncoder:
    return TextEncoder(str(folder), precision="float32")


def asked() -> list[Pair]:
    """Shoppers say "couch" for "sofa": nobody who knows words only by themselves can guess that."""
    found = []
    for row, item in enumerate(ITEMS):
        colour, thing = item.split()
        found += [Pair(f"{colour} {THINGS[thing]}", row), Pair(f"nice {THINGS[thing]} {colour}", row)]
    return found


def test_it_learns_what_shoppers_mean(encoder: TextEncoder) -> None:
    found = fine_tune(encoder, ITEMS, asked(), SETTINGS)
    assert found.kept
    assert found.after > found.before + 0.2
    assert found.low > 0
    assert found.losses[-1] < found.losses[0]
    _, apart = split(asked(), SETTINGS.held_out)
    assert reciprocal_ranks(encoder, encoder.encode(ITEMS), apart).mean() == pytest.approx(found.after, abs=0.03)


def test_a_model_that_became_no_better_is_restored(encoder: TextEncoder) -> None:
    rng = np.random.default_rng(0)
    nonsense = [Pair(pair.query, int(rng.integers(len(ITEMS)))) for pair in asked()]
    before = encoder.encode(ITEMS)
    found = fine_tune(encoder, ITEMS, nonsense, SETTINGS._replace(epochs=2))
    assert not found.kept
    np.testing.assert_array_equal(encoder.encode(ITEMS), before)


def test_the_same_arguments_give_the_same_model(folder: Path) -> None:
    two = [TextEncoder(str(folder), precision="float32") for _ in range(2)]
    results = [fine_tune(one, ITEMS, asked(), SETTINGS._replace(epochs=2)) for one in two]
    assert results[0] == results[1]


def test_a_query_is_never_on_both_sides() -> None:
    pairs = [*asked(), *asked()[:10]]
    taught, apart = split(pairs, SETTINGS.held_out)
    assert len(taught) + len(apart) == len(pairs)
    assert not {pair.query for pair in taught} & {pair.query for pair in apart}
    assert len({pair.query for pair in apart}) == 12
    with pytest.raises(ValueError, match="needs two different queries"):
        split([Pair("lamp", 0), Pair("lamp", 1)], 0.5)


def test_hard_negatives_are_near_but_not_asked_for(encoder: TextEncoder) -> None:
    pairs = [Pair("red sofa", 0), Pair("red sofa", 1)]
    for rows in mine(encoder, encoder.encode(ITEMS), pairs):
        assert not {0, 1} & set(rows.tolist())


def test_the_loss_is_the_cross_entropy_over_the_batch_and_the_hard_negatives(encoder: TextEncoder) -> None:
    encoder.model.eval()
    batch, hard = [Pair("red sofa", 0), Pair("red sofa", 2), Pair("mug", 6)], [9]
    queries, vectors = encoder.encode([pair.query for pair in batch]), encoder.encode(ITEMS)
    scores = queries @ vectors[[0, 2, 6, 9]].T / 0.5
    scores[0, 1] = scores[1, 0] = -np.inf  # what the same query asks for is no negative
    expected = np.mean([np.log(np.exp(row).sum()) - row[n] for n, row in enumerate(scores)])
    assert float(batch_loss(encoder, ITEMS, batch, hard, 0.5).detach()) == pytest.approx(expected, rel=1e-4)


def test_half_precision_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"fine-tuned in float32, not in torch\.bfloat16"):
        fine_tune(TextEncoder(str(folder), precision="bfloat16"), ITEMS, asked())


def test_titles_are_made_worse_and_keep_their_row() -> None:
    titles = [["wireless", "optical", "mouse", "m185"], [], ["sofa"]]
    pairs = worse_titles(titles, 200, seed=3, synonyms={"sofa": ["couch"]})
    assert pairs == worse_titles(titles, 200, seed=3, synonyms={"sofa": ["couch"]})
    assert {pair.item for pair in pairs} == {0, 2}
    assert {pair.query for pair in pairs if pair.item == 2} == {"sofa", "couch"}
    mice = {word for pair in pairs if pair.item == 0 for word in pair.query.split()}
    assert {"wireless", "optical", "mouse", "m185"} < mice
    assert not {word for word in mice if word.startswith("m1")} - {"m185"}


def test_a_misspelt_word_is_one_change_away() -> None:
    rng = np.random.default_rng(5)
    found = {misspelt("mouse", rng) for _ in range(300)}
    assert {"ouse", "mmouse", "omuse"} <= found
    assert all(4 <= len(word) <= 6 for word in found)
