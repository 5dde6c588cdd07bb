"""The job topk on a small run, against plain numpy."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from pyspark.sql import functions as F

import jobs.stages.topk.job
from jobs.config.release import TopKConfig
from jobs.errors import MissingStepError
from jobs.infra.frames import popular
from jobs.infra.tables import ITEM_TOPK, POPULAR, USER_AGAIN, USER_BECAUSE, USER_TOPK, USER_UNSEEN, USER_VECTORS
from jobs.infra.vector_store import VectorStore
from jobs.stages.topk.spark.lists import user_again, user_lists, user_unseen
from jobs.stages.topk.spark.similar import item_lists
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder
from tests.jobs import small_run

ITEMS, USERS, BEHAVIOUR, TEXT = 40, 11, 3, 2
RNG = np.random.default_rng(4)
VECTORS = RNG.normal(size=(ITEMS, BEHAVIOUR + TEXT + 1)).astype(np.float32)
VECTORS[7] = VECTORS[5]  # a tie
VECTORS[9, BEHAVIOUR:-1] = 0.0  # an item without text
INPUTS = np.random.default_rng(5).normal(size=VECTORS.shape).astype(np.float32)
PEOPLE = RNG.normal(size=(USERS, BEHAVIOUR + TEXT + 1)).astype(np.float32)
BOUGHT = [sorted(RNG.choice(ITEMS, size=n, replace=False).tolist()) for n in range(USERS)]
BOUGHT[3] = list(range(1, ITEMS))  # has had everything but one
SHARES, REPEATS = ([RNG.random(len(had)).round(3).tolist() for had in BOUGHT] for _ in range(2))
FOLLOW = small_run.follow_some(ITEMS)
REPEAT, KEPT = 1.5, 0.25
PARAMETERS = ScoreParameters(
    UserEncoder((7.0,), ((1.0,), (1.0,)), (BEHAVIOUR, TEXT)), (1.0,), 0.0, (1.0,), REPEAT, KEPT
)
SCORES = PEOPLE @ VECTORS.T
for user, columns in enumerate(zip(BOUGHT, SHARES, REPEATS, strict=True)):
    for item in BOUGHT[user]:
        SCORES[user, item] *= KEPT
    for item, share, again in zip(*columns, strict=True):
        SCORES[user, item] += REPEAT * np.log(1 + again) + FOLLOW["item_repeat"][item]
        for follower, weight in zip(FOLLOW["item_next_item"][item], FOLLOW["item_next_weight"][item], strict=True):
            SCORES[user, follower] += share * weight if follower >= 0 else 0.0
EVENTS = [("a", 0, 0.0), ("b", 8, 14.0), ("a", 8, 14.0), ("a", 16, 28.0), ("b", 3, 14.0), ("b", 1, 14.0), ("c", 4, 1.0)]


@pytest.fixture(scope="module")
def made(spark, tmp_path_factory):
    made = small_run.config(tmp_path_factory.mktemp("topk"))
    small_run.write(spark, made, small_run.items(ITEMS), small_run.events(EVENTS))
    small_run.write_vectors(made, {"item_vector": VECTORS, "item_input": INPUTS, **FOLLOW}, PARAMETERS)
    small_run.write_users(spark, made, PEOPLE, BOUGHT, shares=SHARES, repeats=REPEATS)
    return made


@pytest.fixture(scope="module")
def done(spark, made):
    separate = replace(made, topk=replace(made.topk, bought="separate"))
    counts = jobs.stages.topk.job.run(spark, separate)
    similar = {"similar_new": ITEMS, "similar_taken_over": 0, "similar_dropped": 0}
    assert counts == {"users": USERS, "items": ITEMS, **similar, "popular_lists": 8}
    return separate


def by_key(frame):
    return {row[0]: (row["items"], row["scores"]) for row in frame.collect()}


def table(spark, made, which):
    return by_key(made.run.read(spark, which))


def best(scores, allowed, k):
    return sorted((i for i in allowed), key=lambda i: (-scores[i], i))[:k]


def check_lists(found, scores, allowed, k):
    """One list a row of scores, as sorting the allowed items of that row makes it."""
    assert sorted(found) == list(range(len(scores)))
    for row, (items, values) in found.items():
        assert items == best(scores[row], allowed(row), k)
        np.testing.assert_allclose(values, scores[row][items], rtol=1e-4, atol=1e-5)


NO_LISTS = {user: ([], []) for user in range(USERS)}


def unseen_by(user):
    return set(range(ITEMS)) - set(BOUGHT[user])


@pytest.mark.parametrize("bought", ["include", "exclude"])
def test_bought_included_or_excluded(spark, made, bought):
    options, store = replace(made.topk, bought=bought), VectorStore.of(made.run)
    users = made.run.read(spark, USER_VECTORS)
    if bought == "include":  # the history that makes a vector may be cut
        users = users.withColumn("bought", F.array_union("bought", F.array(F.lit(0), F.lit(1))))
    unseen = user_unseen(users, store, options, USERS).cache()
    found = by_key(user_lists(users, unseen, store, options, USERS))
    if bought == "include":
        check_lists(found, SCORES, lambda user: range(ITEMS), 5)
        check_lists(by_key(unseen), SCORES, lambda user: unseen_by(user) - {0, 1}, 5)
        assert by_key(unseen)[3][0] == []
    else:
        check_lists(found, SCORES, unseen_by, 5)
        assert by_key(unseen) == NO_LISTS
    assert by_key(user_again(users, store, options, USERS)) == NO_LISTS


def test_bought_separate(spark, done):
    found = table(spark, done, USER_TOPK)
    check_lists(found, SCORES, unseen_by, 5)
    assert found[3][0] == [0]
    assert table(spark, done, USER_UNSEEN) == NO_LISTS
    check_lists(table(spark, done, USER_AGAIN), SCORES, lambda user: BOUGHT[user], 3)


def test_because(spark, done):
    """Of each event of a history: what its part of the user's vector, and the item's follower, give to the score."""
    lists, found = table(spark, done, USER_TOPK), table(spark, done, USER_BECAUSE)
    age = (done.date - date(1970, 1, 1)).days - 20513
    for user, history in enumerate(BOUGHT):
        items = lists[user][0]
        if not history:
            assert found[user] == ([], [])
            continue
        left = 2.0 ** (-age / 7.0)
        shares = np.zeros((len(history), len(items)))
        for part in (slice(0, BEHAVIOUR), slice(BEHAVIOUR, -1)):
            total = np.linalg.norm(left * INPUTS[history, part].sum(axis=0))
            shares += left * INPUTS[history, part] @ VECTORS[items, part].T / total
        for row, item in enumerate(history):
            for follower, weight in zip(FOLLOW["item_next_item"][item], FOLLOW["item_next_weight"][item], strict=True):
                if follower in items:
                    shares[row, items.index(follower)] += left * weight
        assert found[user][0] == [history[row] for row in shares.argmax(axis=0)]
        np.testing.assert_allclose(found[user][1], shares.max(axis=0), rtol=1e-4, atol=1e-6)


def test_similar_items(spark, done):
    scores = np.zeros((ITEMS, ITEMS))
    for part in (VECTORS[:, :BEHAVIOUR], VECTORS[:, BEHAVIOUR:-1]):
        norms = np.linalg.norm(part, axis=1, keepdims=True)
        unit = part / np.where(norms > 0, norms, 1)
        scores += unit @ unit.T / 2
    found = table(spark, done, ITEM_TOPK)
    check_lists(found, scores, lambda item: set(range(ITEMS)) - {item}, 4)
    assert found[5][0][0] == 7
    assert found[5][1][0] == pytest.approx(1.0, abs=1e-5)


def test_popular(spark, done):
    found = table(spark, done, POPULAR)
    assert set(found) == {"", "DRINKS", "JUICE", "BAKERY", "PETS", "DOG", "CAT", "HOME"}
    # Half-life 14 days: item 0 and item 8 (twice, 14 days old) weigh 1, items 1 and 3 a half, item 16 a quarter.
    assert found[""][0] == [0, 8, 4]
    np.testing.assert_allclose(found[""][1], [1.0, 1.0, 2 ** (-1 / 14)], rtol=1e-5)
    assert found["DRINKS"][0] == [0, 8, 1]
    assert found["JUICE"][0] == [0, 8, 1]
    assert found["PETS"][0] == [4, 3]
    assert found["DOG"] == ([3], [0.5])
    assert found["HOME"] == ([], [])


def test_steps_missing(spark, tmp_path):
    made = small_run.config(tmp_path, topk=TopKConfig())
    small_run.write(spark, made, small_run.items(3), [])
    with pytest.raises(MissingStepError, match="daybreak job embed_items"):
        jobs.stages.topk.job.run(spark, made)
    small_run.write_vectors(made, {"item_vector": VECTORS[:3]}, PARAMETERS)
    with pytest.raises(MissingStepError, match="daybreak job embed_users"):
        jobs.stages.topk.job.run(spark, made)


@pytest.mark.parametrize("bought", ["include", "exclude"])
def test_one_of_a_group(spark, made, bought):
    """Also where most items are of one group: its best stands beside all others."""
    groups = np.array([0 if n < 25 else n % 5 + 1 if n < 35 else -1 for n in range(ITEMS)], dtype=np.int32)

    def things(scores, allowed):
        ranked = sorted(allowed, key=lambda item: (-scores[item], item))
        first = {}
        for item in ranked:
            first.setdefault(groups[item] if groups[item] >= 0 else -2 - item, item)
        return set(first.values())

    store, options = VectorStore.of(made.run), replace(made.topk, bought=bought, k=9, similar=9)
    users = made.run.read(spark, USER_VECTORS)
    unseen = user_unseen(users, store, options, USERS, groups=groups).cache()
    found = by_key(user_lists(users, unseen, store, options, USERS, groups=groups))
    if bought == "include":
        check_lists(found, SCORES, lambda user: things(SCORES[user], range(ITEMS)), options.places)
        found = by_key(unseen)
    check_lists(found, SCORES, lambda user: things(SCORES[user], unseen_by(user)), options.places)
    for item, (others, _) in by_key(item_lists(spark, store, options, ITEMS, groups=groups)).items():
        codes = [groups[other] for other in others if groups[other] >= 0]
        assert len(others) == 9
        assert len(codes) == len(set(codes))
        assert item not in others
        assert groups[item] not in codes


def test_popular_shows_one_of_a_group(spark):
    items = [(n, ["FOOD"], group) for n, group in enumerate(["a", "a", None, "b", None, "2", "b"])]
    frame = spark.createDataFrame(items, "item int, category array<string>, group string")
    scores = spark.createDataFrame([(n, float(n % 4)) for n in range(7)], "item int, score float")
    found = by_key(popular(frame, scores, 4, grouped=True))
    assert found["FOOD"] == found[""] == ([3, 2, 1, 5], [3.0, 2.0, 1.0, 1.0])
    assert by_key(popular(frame, scores, 4))[""][0] == [3, 2, 6, 1]
