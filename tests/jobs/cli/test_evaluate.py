"""`daybreak evaluate`, as a person uses it."""

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from jobs.cli.main import main
from jobs.errors import ConfigError
from jobs.evaluation.methods.choice import methods
from jobs.evaluation.published import PUBLISHED

METHODS = [
    "popular",
    "category-popular",
    "own-repeats",
    "tifu-knn",
    "up-cf",
    "item-cosine",
    "recent-walk",
    "ease",
    "als",
]


@pytest.fixture
def sets(tmp_path):
    """Two sets, one of which has the name of a published one."""
    rng = np.random.default_rng(0)
    gowalla, shop = tmp_path / "gowalla", tmp_path / "a-shop"
    gowalla.mkdir()
    shop.mkdir()
    for name in ("train", "valid", "test"):
        lines = [" ".join(map(str, [user, *rng.permutation(30)[:4]])) for user in range(20)]
        (gowalla / f"{name}.txt").write_text("\n".join(lines) + "\n")
    lines = [" ".join(map(str, [user, *(rng.permutation(30)[:6] + 1)])) for user in range(20)]
    (shop / "sequences.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "no set").mkdir()
    return tmp_path


def test_a_set_as_json(sets, capsys):
    assert main(["evaluate", str(sets / "gowalla"), "--json"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["method"] for row in rows] == METHODS
    assert "evaluate fitted method=ease" in err
    for row in rows:
        assert (row["set"], row["part"], row["protocol"], row["items"]) == ("gowalla", "test", "fixed lists", 30)
        assert {one["source"] for one in row["published"]} > {"LightGCN (SIGIR 2020)"}
        assert row["parameters"] > 0
        for way in ("masked", "unmasked"):
            measure = row[way]["all"]
            assert measure["users"] <= 20
            assert {f"{name}@{k}" for name in ("recall", "ndcg", "mrr", "hit_rate") for k in (5, 10, 20)} <= set(
                measure["metrics"]
            )
            assert (measure["differences"] == {}) == (row["baselines"][way] == row["method"])
            for d in measure["differences"].values():
                assert d["low"] <= d["mean"] <= d["high"]


def test_baskets_and_a_model_without_a_preset(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", basket if basket < 3 else 999, "history" if basket < 3 else "future", int(item))
        for user in range(30)
        for basket in range(4)
        for item in {user % 5, *rng.integers(0, 12, 2)}
    ]
    columns = ["user", "basket", "part", "item"]
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(tmp_path / "baskets.parquet")
    assert main(["evaluate", str(tmp_path), "--methods", "up-cf,repertoire", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["method"], second["method"], second["protocol"]) == ("up-cf", "repertoire", "next basket")
    assert second["baselines"] == {"masked": "up-cf", "unmasked": "up-cf"}  # the model is no baseline
    assert second["unmasked"]["all"]["metrics"]["recall@10"] > 0


def test_a_table_with_slices(sets, capsys):
    assert main(["evaluate", str(sets / "a-shop"), "--part", "valid", "--methods", "popular,item-cosine"]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert [line.split()[:3] for line in first.splitlines()[1:]] == [
        ["a-shop", method, way] for way in ("masked", "unmasked") for method in ("popular", "item-cosine")
    ]
    assert "the baseline" in first
    assert {line.split("  ")[1].strip() for line in second.splitlines()[1:]} == {"long tail", "light users"}


def test_a_suite_is_one_table_with_the_published_figures(sets, capsys):
    assert main(["evaluate", "--suite", str(sets), "--methods", "popular"]) == 0
    lines, known = capsys.readouterr().out.splitlines(), PUBLISHED["gowalla"]
    assert [line.split()[0] for line in lines] == ["set", "a-shop", "a-shop", *["gowalla"] * (2 + len(known))]
    assert sum("published: " in line for line in lines) == len(known)
    assert ".1830" in next(line for line in lines if "LightGCN" in line)
    assert main(["evaluate", "--suite", str(sets), "--methods", "popular", "--json"]) == 0
    assert [json.loads(line)["set"] for line in capsys.readouterr().out.splitlines()] == ["a-shop", "gowalla"]


def test_a_shop_is_read_and_split_at_a_day(spark, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jobs.infra.spark.open_session", lambda *_: spark)
    monkeypatch.setattr(type(spark), "stop", lambda self: None)
    rng = np.random.default_rng(1)
    start = date(2026, 1, 1)
    events = [
        {"user": f"u{rng.integers(6)}", "item": f"i{rng.integers(9)}", "at": (start + timedelta(int(d))).isoformat()}
        for d in rng.integers(0, 30, 120)
    ]
    pl.DataFrame(events).unique().write_csv(tmp_path / "events.csv")
    pl.DataFrame({"id": [f"i{n}" for n in range(9)], "kind": ["A", "B", "C"] * 3}).write_csv(tmp_path / "items.csv")
    (tmp_path / "daybreak.toml").write_text(
        '[items]\nfiles="items.csv"\nitem_id="id"\ncategory="kind"\n'
        '[[events]]\nfiles="events.csv"\nuser_id="user"\nitem_id="item"\ntime="at"\n'
    )
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "--date YYYY-MM-DD says at which day" in capsys.readouterr().err
    words = ["evaluate", str(tmp_path), "--date", "2026-01-21", "--days", "10", "--methods", "popular,own-repeats"]
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    late = {(e["user"], e["item"]) for e in events if "2026-01-21" <= e["at"] < "2026-01-31"}
    early = {e["user"] for e in events if e["at"] < "2026-01-21"}
    assert rows[0]["unmasked"]["all"]["users"] == len({user for user, _ in late if user in early})
    assert {name for name in rows[0]["unmasked"] if name.startswith("category")} == {f"category {c}" for c in "ABC"}
    assert "ingest done" in err
    assert main(words) == 0  # the tables are there now
    assert "ingest done" not in capsys.readouterr().err


def test_a_pretrained_model_needs_a_named_preset():
    with pytest.raises(ConfigError, match="name the preset that the pretrained model was made with"):
        methods([], ["auto"], object())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nowhere"], 2, "there is no such folder"),
        (
            ["a-shop", "--methods", "populer"],
            2,
            "unknown method 'populer'; expected some of popular, category-popular,",
        ),
        (["no set"], 3, "holds neither sequences.txt nor"),
        (["a-shop", "--suite", "."], 2, "either DIR or --suite PATH"),
        ([], 2, "either DIR or --suite PATH"),
        (["--suite", "no set"], 3, "holds no folder of a set"),
        (["a-shop", "--days", "0"], 2, "--days must be 1 or more"),
    ],
)
def test_mistakes_have_one_line_and_an_exit_code(sets, capsys, words, code, message):
    paths = [str(sets / word) if word in ("nowhere", "a-shop", "no set") else word for word in words]
    assert main(["evaluate", *paths]) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("daybreak: ")
