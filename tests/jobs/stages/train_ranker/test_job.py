"""The job on a small shop: impressions, outcomes and features against a plain loop over the events, and its files."""

import dataclasses
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.config.learning import RankerConfig
from jobs.config.shop import ImpressionsConfig, VisitsConfig
from jobs.infra.tables import EVENTS, SHOWN, VISITS
from jobs.models.ranker import kept_ranker
from jobs.models.ranker.kept_ranker import KeptRanker, fingerprint, keep, newest
from jobs.stages.train_ranker.job import run
from jobs.stages.train_ranker.spark import outcomes
from jobs.stages.train_ranker.spark.impressions import write_impressions
from lookup.scoring.features import NAMES
from lookup.scoring.ranker import Weights
from lookup.scoring.score_parameters import HistoryShares, ScoreParameters, TransitionRows
from lookup.scoring.user_encoder import UserEncoder
from tests.jobs import small_run

ITEMS, USERS = 16, 30
SINCE = date(2026, 2, 16)
"""The first day that the behaviour model has not seen."""
PARAMETERS = ScoreParameters(
    UserEncoder((7.0, float("inf")), ((0.5, 0.5),), (4,)), (0.5, 0.5), 0.5, (0.5, 0.25), 0.5, 0.25
)
HALF_LIFE = 14.0
SHOP = {"files": "none", "item_id": "i", "time": "t", "place": "p", "visits": VisitsConfig("none", "u", "p", "t")}
SETTINGS = RankerConfig(hidden=3, sample=10_000_000, price_days=20, clicks=["view"])


def at(day: date, hour: float) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


def made_shop(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Events of two months; what two places showed in the last weeks, and to whom some items were shown by name."""
    rng = np.random.default_rng(seed)
    days = [small_run.DAY - timedelta(days=n) for n in range(60, 0, -1)]
    events, visits, shown = [], [], []
    for day in days:
        for user in rng.choice(USERS, 12, replace=False):
            came = float(rng.integers(6, 15))
            for item in rng.choice(ITEMS, 4, replace=False):
                kind, price = rng.choice(["purchase", "purchase", "view"]), float(rng.integers(2, 9))
                known = {"price": price, "discount": float(rng.integers(0, 2))} if rng.random() < 0.8 else {}
                time = at(day, came + rng.choice([-1.0, 0.0, 0.5]))
                one = {"user_id": f"u{user}", "item": int(item), "type": kind, "time": time, "day": day, "weight": 1.0}
                events.append(dict.fromkeys(EVENTS.columns) | one | known)
            if day >= SINCE - timedelta(days=3):
                visits.append({"user_id": f"u{user}", "place": "AB"[user % 2], "time": at(day, came), "day": day})
    shared = dict.fromkeys(SHOWN.columns) | {"kind": "shelf"}
    for start in (SINCE - timedelta(days=4), SINCE + timedelta(days=3), SINCE + timedelta(days=10)):
        for place in "AB":
            for item in rng.choice(ITEMS, 8, replace=False):
                until = {"time": at(start, 5.0), "until": at(start + timedelta(days=7), 5.0)}
                shown.append(shared | {"item": int(item), "place": place} | until)
    for n in range(40):
        named = {"user_id": f"u{n % 20}", "kind": "mail", "price": 1.5, "in_stock": bool(n % 3)}
        shown.append(shared | named | {"item": n % ITEMS, "time": at(SINCE + timedelta(days=n % 14), 9.25)})
    return {"events": events, "visits": visits, "shown": shown}


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    config = small_run.config(tmp_path_factory.mktemp("ranker"))
    counted = {"purchase": 1.0, "view": 0.1}
    config = dataclasses.replace(config, weights=counted, impressions=[ImpressionsConfig(**SHOP)], ranker=SETTINGS)
    made = made_shop(0)
    small_run.write(spark, config, small_run.items(ITEMS), made["events"])
    for table in (SHOWN, VISITS):
        rows = [{name: row[name] for name in table.columns} for row in made[table.name]]
        config.run.write(table, spark.createDataFrame(rows, table.ddl))
    rng = np.random.default_rng(1)
    arrays = {f"item_{name}": rng.normal(size=(ITEMS, 5)).astype(np.float32) for name in ("input", "vector")}
    arrays |= small_run.follow_some(ITEMS)
    small_run.write_vectors(config, arrays, PARAMETERS, trained_until=SINCE)
    return config, made, arrays


@pytest.fixture(scope="module")
def done(spark, shop):
    config, made, arrays = shop
    return run(spark, config), config, made, arrays


def table(config) -> pl.DataFrame:
    frame = pl.read_parquet(f"{config.run.path('impressions')}/*.parquet")
    return frame.with_columns(pl.col("time").dt.replace_time_zone("UTC")).sort("user_id", "item", "time")


def expected(made) -> dict[tuple[str, int, datetime], dict[str, Any]]:
    """Every impression by its key, with what came of it."""
    found = {}
    for visit in made["visits"]:
        for row in made["shown"]:
            if row["place"] == visit["place"] and row["time"] <= visit["time"] < row["until"] and visit["day"] >= SINCE:
                found[visit["user_id"], row["item"], visit["time"]] = row
    for row in made["shown"]:
        if row["user_id"]:
            found[row["user_id"], row["item"], row["time"]] = row
    outcomes = {}
    for (user, item, time), row in found.items():
        mine = [e for e in made["events"] if e["user_id"] == user and e["item"] == item]
        kinds = {e["type"] for e in mine if time <= e["time"] < time + timedelta(days=1)}
        outcomes[user, item, time] = row | {"converted": "purchase" in kinds, "clicked": bool(kinds)}
    return outcomes


def test_impressions_and_outcomes_equal_a_plain_loop(done):
    _, config, made, _ = done
    frame, wanted = table(config), expected(made)
    assert set(zip(frame["user_id"], frame["item"], frame["time"], strict=True)) == set(wanted)
    assert frame.height == len(wanted)
    for row in frame.iter_rows(named=True):
        truth = wanted[row["user_id"], row["item"], row["time"]]
        assert (row["clicked"], row["converted"]) == (truth["clicked"], truth["converted"])
        assert (row["kind"], row["weight"]) == (truth["kind"], 1.0)


def test_features_are_of_the_point_in_time(done):
    _, config, made, arrays = done
    wanted = expected(made)
    for row in table(config).sample(60, seed=3).iter_rows(named=True):
        truth = wanted[row["user_id"], row["item"], row["time"]]
        found = dict(zip(NAMES, row["features"], strict=True))
        assert found == pytest.approx(plain_features(row, truth, made["events"], arrays), rel=1e-4, abs=1e-4)


def plain_features(row, truth, events, arrays) -> dict[str, float]:
    item, time, day = row["item"], row["time"], row["time"].date()
    mine = sorted(
        (e for e in events if e["user_id"] == row["user_id"] and e["time"] < time), key=lambda e: (e["time"], e["item"])
    )
    before = [e for e in events if e["item"] == item and e["day"] < day]
    lately = [e for e in before if e["day"] >= day - timedelta(days=20) and e["price"] is not None]
    last = max((e["day"] for e in lately), default=None)
    price = truth["price"] or (last and np.mean([e["price"] for e in lately if e["day"] == last]))
    usual = lately and np.mean([e["price"] + e["discount"] for e in lately])
    popularity = sum(2 ** (-((at(day, 0) - e["time"]) / timedelta(days=1)) / HALF_LIFE) for e in before)
    bought = [e for e in mine if e["item"] == item]
    change = np.log(price / usual) if price and usual else 0.0
    hour = (time - at(day, 0)) / timedelta(hours=1)
    return {
        "score": plain_score(mine, item, day, arrays),
        "price_log": np.log(price) if price else 0.0,
        "price_unknown": 0.0 if price else 1.0,
        "price_change": change,
        "price_cut": max(0.0, 1 - np.exp(change)),
        "sold_out": float(truth["in_stock"] is False),
        "popularity_log": np.log1p(popularity),
        "never_had": float(not bought),
        "days_since_log": np.log1p((day - bought[-1]["day"]).days) if bought else 0.0,
        "times_log": np.log1p(len(bought)),
        "hour_sin": np.sin(2 * np.pi * hour / 24),
        "hour_cos": np.cos(2 * np.pi * hour / 24),
        "weekday_sin": np.sin(2 * np.pi * day.weekday() / 7),
        "weekday_cos": np.cos(2 * np.pi * day.weekday() / 7),
    }


def plain_score(mine, item, day, arrays) -> float:
    """The score of an item by the functions of the day, from all events before the moment."""
    rows = np.array([e["item"] for e in mine], dtype=np.int32)
    ages, weights = np.array([(day - e["day"]).days for e in mine], dtype=float), np.ones(len(mine))
    vector = PARAMETERS.encoder.user_vector(arrays["item_input"][rows], ages, weights)
    scores = arrays["item_vector"] @ vector
    if len(rows):
        shares = PARAMETERS.transition_shares(ages, weights), PARAMETERS.repeat_shares(ages, weights)
        history = HistoryShares(rows, *shares)
        transitions = TransitionRows(*(arrays[f"item_{name}"][rows] for name in ("next_item", "next_weight", "repeat")))
        items, added = PARAMETERS.item_terms(history, transitions, scores[rows])
        scores[items] += added
    return float(scores[item])


def test_the_files_of_the_ranker(done):
    said, config, made, _ = done
    ranker = config.run.read_json("ranker/ranker.json")
    about = ranker["about"]
    assert said["ranker"] is True
    assert about["features"] == list(NAMES)
    assert about["measured_since"] == "2026-02-26"
    truth = expected(made).values()
    assert about["impressions"] == {
        "converted": sum(row["converted"] for row in truth),
        "clicked only": sum(row["clicked"] and not row["converted"] for row in truth),
        "neither": sum(not row["clicked"] for row in truth),
    }
    flat = np.load(config.run.path("ranker") / "ranker.npy")
    assert np.isfinite(Weights.of(flat, about["hidden"]).flat()).all()
    assert {row["method"] for row in ranker["metrics"]} == {"ranker", "logistic regression"}
    prices = np.load(config.run.path("ranker") / "usual_price.npy")
    for item in range(ITEMS):
        since = small_run.DAY - timedelta(days=20)
        paid = [e for e in made["events"] if e["item"] == item and e["price"] is not None and e["day"] >= since]
        assert prices[item] == pytest.approx(np.mean([e["price"] + e["discount"] for e in paid]), rel=1e-5)


def test_a_night_keeps_a_young_ranker_with_the_usual_prices_of_its_own(spark, done, capsys):
    said, config, _, _ = done
    fitted, prices = (np.load(config.run.path("ranker") / f"{name}.npy") for name in ("ranker", "usual_price"))
    metrics = config.run.read_json("ranker/ranker.json")["metrics"]
    later = dataclasses.replace(config.ranker, max_age_days=30)  # how old it may be is no setting of the fit
    kept = run(spark, dataclasses.replace(config, ranker=later))
    assert kept == {**{name: value for name, value in said.items() if name != "sampled"}, "trained": False}
    assert "kept fitted=2026-03-02" in capsys.readouterr().out
    assert not config.run.path("impressions").exists()
    assert np.array_equal(np.load(config.run.path("ranker") / "ranker.npy"), fitted)
    assert np.array_equal(np.load(config.run.path("ranker") / "usual_price.npy"), prices, equal_nan=True)
    assert config.run.read_json("ranker/ranker.json")["metrics"] == metrics
    few = dataclasses.replace(config.ranker, sample=200)
    again = run(spark, dataclasses.replace(config, ranker=few))  # learned otherwise, so another one
    assert (again["trained"], again["fitted"]) == (True, "2026-03-02")
    assert not np.array_equal(np.load(config.run.path("ranker") / "ranker.npy"), fitted)
    full = run(spark, dataclasses.replace(config, ranker=few, full=True))
    assert full["trained"]


@given(age=st.integers(-3, 12), most=st.integers(1, 9))
def test_the_newest_ranker_of_a_night_is_no_older_than_the_night_keeps_it_and_never_of_a_later_one(age, most):
    fitted = date(2026, 3, 2)
    weights = Weights.of(np.arange(4 * len(NAMES) + 2, dtype=np.float32), 0)
    with TemporaryDirectory() as folder:
        work = Path(folder)
        for day in (fitted - timedelta(days=1), fitted):
            keep(work, day, "a" * 16, KeptRanker(weights, {"hidden": 0, "fitted": day.isoformat()}, []))
        keep(work, fitted, "b" * 16, KeptRanker(weights, {"hidden": 0, "fitted": "other"}, []))
        found = newest(work, fitted + timedelta(days=age), "a" * 16, most)
    expected = fitted if 0 <= age <= most else fitted - timedelta(days=1) if age == -1 else None
    assert (found and found.about["fitted"]) == (expected and expected.isoformat())


def test_other_settings_other_vectors_or_other_features_are_other_rankers(monkeypatch):
    facts = {"space": "s", "ranker": {"days": 28}}
    known = fingerprint(facts)
    assert fingerprint(dict(reversed(facts.items()))) == known
    assert fingerprint(facts | {"space": "t"}) != known
    assert fingerprint(facts | {"ranker": {"days": 27}}) != known
    monkeypatch.setattr(kept_ranker.features, "NAMES", (*NAMES, "more"))
    assert fingerprint(facts) != known


@pytest.mark.parametrize("damage", ["cut", "flipped", "facts", "hidden", "gone"])
def test_a_damaged_ranker_is_removed_and_another_fitted(tmp_path, capsys, damage):
    weights = Weights.of(np.zeros(4 * len(NAMES) + 2, np.float32), 0)
    keep(tmp_path, date(2026, 3, 2), "a" * 16, KeptRanker(weights, {"hidden": 0, "fitted": "2026-03-02"}, []))
    (folder,) = (tmp_path / "rankers").iterdir()
    numbers, facts = folder / "ranker.npy", folder / "ranker.json"
    if damage == "cut":
        numbers.write_bytes(numbers.read_bytes()[:40])
    elif damage == "flipped":
        numbers.write_bytes(numbers.read_bytes()[:-1] + b"?")
    elif damage == "gone":
        numbers.unlink()
    else:
        text = facts.read_text()
        facts.write_text(text[:20] if damage == "facts" else text.replace('"hidden": 0', '"hidden": 3'))
    assert newest(tmp_path, date(2026, 3, 2), "a" * 16, 7) is None
    assert "ranker-damaged" in capsys.readouterr().out
    assert not folder.exists()


def test_a_sample_stands_for_all_and_purchases_of_the_category_may_stand_for_clicks(spark, shop):
    config, made, _ = shop
    config = dataclasses.replace(config, ranker=dataclasses.replace(SETTINGS, sample=200, engagement="category"))
    counts = write_impressions(spark, config, SINCE)
    frame, everything = table(config), expected(made)
    strata = frame.group_by("clicked", "converted").agg(pl.len(), pl.col("weight").n_unique())
    assert set(strata["weight"]) == {1}
    assert max(strata["len"]) < 300
    assert frame["weight"].sum() == pytest.approx(sum(counts.values()), rel=0.15)
    assert sum(counts.values()) == len(everything)
    category = [row["category"] for row in small_run.items(ITEMS)]
    for row in frame.iter_rows(named=True):
        user, item, time = row["user_id"], row["item"], row["time"]
        bought = {
            e["item"]
            for e in made["events"]
            if e["user_id"] == user and e["type"] == "purchase" and time <= e["time"] < time + timedelta(days=1)
        }
        same = bool(category[item]) and any(category[other] == category[item] for other in bought)
        assert (user, item, time) in everything
        assert row["converted"] == (item in bought)
        assert row["clicked"] == (item in bought or same)


def test_a_program_is_left_out(spark, shop, monkeypatch, capsys):
    """A user whose moments and events have too many pairs; what others saw and did stays as it is."""
    config, made, _ = shop
    seen, done = ({f"u{n}": 0 for n in range(USERS)} for _ in range(2))
    moments = {(v["user_id"], v["time"], v["place"]) for v in made["visits"] if v["day"] >= SINCE}
    moments |= {(row["user_id"], row["time"], None) for row in made["shown"] if row["user_id"]}
    for user, *_ in moments:
        seen[user] += 1
    for event in made["events"]:
        done[event["user_id"]] += event["day"] >= SINCE
    pairs = {user: seen[user] * done[user] for user in seen}
    bot = max(pairs, key=pairs.__getitem__)
    most = sorted(pairs.values())[-2]
    assert pairs[bot] > most
    monkeypatch.setattr(outcomes, "MOST_PAIRS", most)
    write_impressions(spark, config, SINCE)
    assert set(table(config)["user_id"]) == {user for user, _, _ in expected(made)} - {bot}
    assert f"users=1 first={bot}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"impressions": []}, r'why="there are no \[\[impressions\]\]"'),
        ({"ranker": RankerConfig(measured_days=14)}, "the behaviour model has seen the days before 2026-02-16"),
    ],
)
def test_without_impressions_there_is_no_ranker(spark, shop, capsys, changed, why):
    config, _, _ = shop
    folder = config.run.path("ranker")
    folder.mkdir(exist_ok=True)
    assert run(spark, dataclasses.replace(config, **changed)) == {"ranker": False}
    assert not folder.exists()
    (line,) = capsys.readouterr().out.splitlines()
    assert re.search(why, line)
