"""Lists of similar items over several nights: what is taken over is what a whole night makes, bit by bit."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jobs.infra.kept.lists import FACTS, ITEM, SCORE
from jobs.infra.kept.store import file_facts
from jobs.infra.tables import ITEM_TOPK, ITEMS
from jobs.infra.vector_store import VectorStore
from jobs.ranking.scan.library import library
from jobs.stages.topk.spark.nights import write_similar
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder
from tests.jobs import small_run

pytestmark = pytest.mark.skipif(library() is None, reason="lists are taken over where the kernel of top-K makes them")
COUNT, K = 4400, 4
PARAMETERS = ScoreParameters(UserEncoder((7.0,), ((1.0,), (1.0,)), (4, 2)), (1.0,), 0.0, (1.0,), 1.0, 1.0)
RNG = np.random.default_rng(11)
VECTORS = {f"i{n:05}": vector for n, vector in enumerate(RNG.normal(size=(COUNT, 7)).astype(np.float32))}
VECTORS["i00020"] = VECTORS["i00010"]  # a tie


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    made = small_run.config(tmp_path_factory.mktemp("nights"))
    return replace(made, topk=replace(made.topk, similar=K, user_block=2048))


def night(spark, made, items):
    """Write the lists of a night. Returns the counts, and the table's rows as bytes."""
    rows = [{**small_run.items(1)[0], "item": n, "item_id": item} for n, item in enumerate(sorted(items))]
    made.run.write(ITEMS, spark.createDataFrame(rows, ITEMS.ddl))
    vectors = np.stack([items[item] for item in sorted(items)])
    small_run.write_vectors(made, {"item_vector": vectors, "item_input": vectors}, PARAMETERS)
    counts = write_similar(spark, made, VectorStore.of(made.run), len(items), None)
    found = made.run.read(spark, ITEM_TOPK).orderBy("item").collect()
    lists = np.array([row["items"] for row in found]), np.array([row["scores"] for row in found], np.float32)
    return tuple(counts.values()), tuple(one.tobytes() for one in lists)


def changed(seed):
    """Some items of which few are gone, new, or have another vector."""
    rng = np.random.default_rng(seed)
    items = dict(VECTORS)
    for item in rng.choice(list(items), 20, replace=False).tolist():
        del items[item]
    for n, item in enumerate(rng.choice(list(items), 20, replace=False).tolist()):
        items[item if n % 2 else f"{item}-new"] = rng.normal(size=7).astype(np.float32) * (0.1 + n / 10)
    return items


def test_a_night_like_the_one_before_takes_all_over(spark, base):
    made = replace(base, base=base.base / "same")
    counts, lists = night(spark, made, VECTORS)
    assert counts == (COUNT, 0, 0)
    again, same = night(spark, made, VECTORS)
    assert again == (0, COUNT, 0)
    assert same == lists


@pytest.mark.parametrize("seed", [1, 2])
def test_few_changes_make_few_lists_anew_and_all_as_a_whole_night(spark, base, seed):
    made, whole = (replace(base, base=base.base / f"{name}{seed}") for name in ("some", "whole"))
    night(spark, made, VECTORS)
    (new, taken, dropped), lists = night(spark, made, changed(seed))
    assert lists == night(spark, whole, changed(seed))[1]
    assert new + taken == COUNT - 20 + 10
    assert 0.5 * COUNT < taken < COUNT - 30
    assert dropped == COUNT - taken


def test_many_changes_make_all_anew(spark, base):
    made = replace(base, base=base.base / "many")
    night(spark, made, VECTORS)
    counts, _ = night(spark, made, {item: -vector for item, vector in VECTORS.items()})
    assert counts == (COUNT, 0, COUNT)


def test_lists_that_are_not_what_is_made_are_found_and_all_are_made(spark, base, capsys):
    made = replace(base, base=base.base / "wrong")
    _, lists = night(spark, made, VECTORS)
    (note,) = made.work.glob(f"lists/*/*/{FACTS}")
    scores = np.load(note.parent / SCORE)
    np.save(note.parent / SCORE, np.nextafter(scores, np.float32(9)))
    facts = json.loads(note.read_text())
    note.write_text(json.dumps(facts | {SCORE: file_facts(note.parent / SCORE)}))
    counts, again = night(spark, made, VECTORS)
    assert counts == (COUNT, 0, COUNT)
    assert again == lists
    assert "lists-differ" in capsys.readouterr().out
    assert night(spark, made, VECTORS)[0] == (0, COUNT, 0)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "gone", "note"])
def test_damaged_lists_are_made_anew(spark, base, damage, capsys):
    made = replace(base, base=base.base / damage)
    _, lists = night(spark, made, VECTORS)
    (note,) = made.work.glob(f"lists/*/*/{FACTS}")
    file = note if damage == "note" else note.parent / ITEM
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:300] + bytes([data[300] ^ 1]) + data[301:] if damage == "flipped" else data[:-9])
    counts, again = night(spark, made, VECTORS)
    assert counts == (COUNT, 0, 0)
    assert again == lists
    assert "lists-damaged" in capsys.readouterr().out
