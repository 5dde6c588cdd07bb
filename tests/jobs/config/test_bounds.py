"""The bounds of the configuration: what lies in them is read back from TOML, what does not is refused by its key."""

import ast
import dataclasses
import itertools
import math
import re
import typing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

import jobs.config
from jobs.config.bounds import Within
from jobs.config.config import Config, Sections
from jobs.config.loader import load
from jobs.config.shop import ImpressionsConfig
from jobs.errors import ConfigError

GOOD: dict[str, Any] = {
    "items": {"files": "items.csv", "item_id": "id"},
    "events": [{"files": "events.csv", "user_id": "user", "item_id": "item", "time": "at"}],
}
PLACE = {"files": "f", "item_id": "i", "time": "t", "place": "p"}
VISITS = {"files": "v", "user_id": "u", "place": "p", "time": "t"}


class Number(typing.NamedTuple):
    """A field that holds a number, or a list or table of numbers."""

    section: str
    name: str
    kind: type
    bounds: Within
    several: bool

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}" + ("[0]" if self.several else "")


def hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def numbers(section: str, kind: type) -> list[Number]:
    found = []
    for name, hint in hints(kind).items():
        one, several = hint, False
        while typing.get_origin(one) in (list, typing.Annotated) and not bounds_of(one):
            several |= typing.get_origin(one) is list
            one = typing.get_args(one)[0]
        if bounds := bounds_of(one):
            found.append(Number(section, name, typing.get_args(one)[0], bounds[0], several))
        else:
            assert one not in (int, float), f"{section}.{name} has no bounds"
    return found


def bounds_of(hint: Any) -> list[Within]:
    return [one for one in typing.get_args(hint)[1:] if isinstance(one, Within)]


SECTIONS = {name: hint for name, hint in hints(Sections).items() if dataclasses.is_dataclass(hint)}
NUMBERS = [number for name, kind in SECTIONS.items() for number in numbers(name, kind)]


def read(folder: Path, data: dict[str, Any]) -> Config:
    (folder / "d.toml").write_text(tomlkit.dumps(data), encoding="utf-8")
    return load(folder / "d.toml", date(2026, 1, 2))


def with_value(number: Number, value: object) -> dict[str, Any]:
    """A good configuration with a value for a number; of a list, in its first place."""
    table: dict[str, Any] = {number.name: [value] if number.several else value}
    if number.several:  # of train.half_lives and train.fading, which must be as long as one another
        table = {"half_lives": [7.0], "fading": [1.0]} | table
    return {**GOOD, number.section: GOOD.get(number.section, {}) | table}


def inside(number: Number) -> st.SearchStrategy[float]:
    low, high, above, below = number.bounds.low, number.bounds.high, number.bounds.above, number.bounds.below
    if number.name == "fading":  # whose parts are not all 0
        above = True
    if number.kind is int:
        return st.integers(low, high)
    return st.floats(low, high, exclude_min=above, exclude_max=below) | st.sampled_from([low, high]).filter(
        lambda bound: not ((above and bound == low) or (below and bound == high))
    )


def outside(number: Number) -> st.SearchStrategy[object]:
    low, high, above, below = number.bounds.low, number.bounds.high, number.bounds.above, number.bounds.below
    whole = st.integers(max_value=low - (not above)) | st.integers(min_value=high + (not below))
    less = st.floats(max_value=low, exclude_max=not above)
    others = st.booleans() | st.text() | st.just({})
    return whole | less | st.floats(min_value=high, exclude_min=not below) | st.just(math.nan) | others


def test_the_numbers_of_all_sections_are_found():
    found = {(number.section, number.name) for number in NUMBERS}
    assert {("train", "fading"), ("topk", "k"), ("validate", "false_alarms"), ("ranker", "window_days")} <= found
    assert len(found) == len(NUMBERS) > 40
    assert [one.name for one in numbers("", ImpressionsConfig)] == ["days"]


@settings(deadline=None, max_examples=300)
@given(data=st.data(), number=st.sampled_from(NUMBERS))
def test_a_value_inside_its_bounds_is_read_back(tmp_path_factory, data, number):
    value = data.draw(inside(number))
    found = getattr(
        getattr(read(tmp_path_factory.getbasetemp(), with_value(number, value)), number.section), number.name
    )
    assert found == ([value] if number.several else value)
    assert type(found[0] if number.several else found) is number.kind


@settings(deadline=None, max_examples=500)
@given(data=st.data(), number=st.sampled_from(NUMBERS))
def test_a_value_outside_its_bounds_is_refused_by_its_key(tmp_path_factory, data, number):
    value = data.draw(outside(number))
    with pytest.raises(ConfigError) as error:
        read(tmp_path_factory.getbasetemp(), with_value(number, value))
    assert f"d.toml: {number.key} must be {number.bounds.what(number.kind is int)}" in str(error.value)
    assert str(error.value).count("\n") == repr(value).count("\n")


def test_defaults_are_read_back(tmp_path):
    plain = read(tmp_path, GOOD)
    written = {
        name: {key: value for key, value in vars(getattr(plain, name)).items() if value not in (None, {})}
        for name in SECTIONS
    }
    assert len(written) == 14
    found = read(tmp_path, {**GOOD, **written, "weights": plain.weights})
    assert dataclasses.replace(found, own={}) == plain


WORK = (
    "a path, or a URL of Hadoop (s3a://bucket/folder, gs://…, abfss://container@account/…, hdfs://…, viewfs://…) "
    "without keys and passwords, which stand in the environment"
)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("shop", "work", "s3a://key:hush@bucket/x", f"{WORK}, not 's3a://bucket/x'"),
        ("shop", "work", "s3a://bucket/x?token=hush", f"{WORK}, not 's3a://bucket/x'"),
        ("shop", "work", "file:///x", f"{WORK}, not 'file:///x'"),
        ("shop", "work", "s3a://bucket/*", f"{WORK}, not 's3a://bucket/*'"),
        ("shop", "work", "s3a://", f"{WORK}, not 's3a://'"),
        ("validate", "max_shrink", 30, "a share from 0 to 1, not 30"),
        ("validate", "min_recall", 95, "a share from 0 to 1, not 95"),
        ("validate", "min_user_coverage", 99.0, "a share from 0 to 1, not 99.0"),
        ("validate", "false_alarms", 0, "a share between 0 and 1, not 0"),
        ("validate", "max_loss", -0.1, "a share from 0 to 1, not -0.1"),
        ("build", "recall", 98, "a share from 0 to 1, not 98"),
        ("quality", "max_bad_share", "1 %", "a share from 0 to 1, not '1 %'"),
        ("train", "learning_rate", math.nan, "a number more than 0 and at most 1, not nan"),
        ("train", "learning_rate", math.inf, "a number more than 0 and at most 1, not inf"),
        ("train", "learning_rate", 0, "a number more than 0 and at most 1, not 0"),
        ("train", "dimensions", 1_000_000, "a whole number from 1 to 4,096, not 1000000"),
        ("train", "dimensions", 64.0, "a whole number from 1 to 4,096, not 64.0"),
        ("train", "processes", 10_000, "a whole number from 1 to 1,024, not 10000"),
        ("train_text", "held_out", 1.0, "a share between 0 and 1, not 1.0"),
        ("train", "ordered", 1, "true or false, not 1"),
        ("train", "ordered", "no", "true or false, not 'no'"),
        ("train", "half_lives", [], "a list that is not empty, not []"),
        ("train", "half_lives", 7.0, "a list, not 7.0"),
        ("topk", "popular_half_life_days", 0, "days more than 0 and at most 36,500, not 0"),
        ("topk", "k", True, "a whole number from 1 to 100,000, not true"),
        ("topk", "bought", "never", "include, exclude or separate, not 'never'"),
        ("embed", "precision", 16, "auto, float32 or bfloat16, not 16"),
        ("ranker", "engagement", "shop", "item or category, not 'shop'"),
        ("ranker", "purchases", "purchase", "a list, not 'purchase'"),
        ("users", "active_days", 10**9, "whole days from 1 to 36,500, not 1000000000"),
        ("items", "files", [], "a path, or a list of paths, not []"),
        ("items", "title", 3, "a column or an expression, or a list of them, not 3"),
        ("items", "brand", ["a", "b"], "a text, not ['a', 'b']"),
        ("items", "item_id", "", "a text that is not empty, not ''"),
        ("spark", "spark", {"driver": 1}, 'a text; a name with dots stands in quotes: "spark.driver.memory"'),
        ("shop", "name", date(2026, 1, 1), "a text, not 2026-01-01"),
    ],
)
def test_what_cannot_be_is_named_with_what_is_expected(tmp_path, section, key, value, message):
    with pytest.raises(ConfigError, match=rf"d.toml: {section}\.{key} must be {re.escape(message)}$"):
        read(tmp_path, {**GOOD, section: GOOD.get(section, {}) | {key: value}})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"weights": {}}, "weights must be a table of event types, such as purchase = 1.0"),
        ({"weights": {"view": math.inf}}, "weights.view must be a number from 0 to 1,000,000, not inf"),
        ({"weights": {"view": -1}}, "weights.view must be a number from 0 to 1,000,000, not -1"),
        ({"weights": [1]}, "weights must be a table, not [1]"),
        ({"spark": {"spark.executor.cores": 4}}, "spark.spark.executor.cores must be a text; a name with dots"),
        ({"events": []}, "events must be a list that is not empty, not []"),
        ({"events": 3}, "events must be a list, not 3"),
        ({"events": [3]}, "events[0] must be a table, not 3"),
        ({"items": {**GOOD["items"], "features": {"size": 3}}}, "items.features.size must be a text, not 3"),
        (
            {"impressions": [PLACE]},
            "impressions[0] must be of users (user_id), or of a place (place and a table visits)",
        ),
        (
            {"impressions": [{**PLACE, "visits": VISITS, "user_id": "u"}]},
            "impressions[0] must be of users (user_id), or",
        ),
        ({"impressions": [{**PLACE, "visits": 3}]}, "impressions[0].visits must be a table, not 3"),
        (
            {"impressions": {**PLACE, "visits": VISITS}},
            "ranker.clicks must be types of which [weights] has one (a shop without says ranker.engagement = "
            "\"category\"), not ['click', 'view', 'cart']",
        ),
        (
            {"impressions": {**PLACE, "visits": VISITS}, "ranker": {"purchases": ["sale"], "engagement": "category"}},
            "ranker.purchases must be types of which [weights] has one, not ['sale']",
        ),
    ],
)
def test_tables_and_checks_between_fields_name_what_is_wrong(tmp_path, data, message):
    with pytest.raises(ConfigError) as error:
        read(tmp_path, GOOD | data)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_impressions_of_a_place_and_of_users_are_read(tmp_path):
    users = {"files": "f", "item_id": "i", "time": "t", "user_id": "u"}
    category = {"engagement": "category"}
    config = read(tmp_path, GOOD | {"impressions": [users, {**PLACE, "visits": VISITS}], "ranker": category})
    assert [one.place for one in config.impressions] == [None, "p"]


@pytest.mark.parametrize(
    ("data", "unknown", "meant"),
    [
        ({"evnts": []}, "evnts", "events"),
        ({"topk": {"similiar": 3}}, "topk.similiar", "topk.similar"),
        ({"topk": {"max_shrink": 0.1}}, "topk.max_shrink", "validate.max_shrink"),
        ({"max_shrink": 0.1}, "max_shrink", "validate.max_shrink"),
        ({"events": [{**GOOD["events"][0], "user": "u"}]}, "events[0].user", "events.user_id"),
        (
            {"impressions": [{**PLACE, "visits": {**VISITS, "pace": 1}}], "ranker": {"engagement": "category"}},
            "impressions[0].visits.pace",
            "impressions.visits.place",
        ),
    ],
)
def test_for_an_unknown_key_the_one_that_is_meant_is_suggested(tmp_path, data, unknown, meant):
    with pytest.raises(ConfigError) as error:
        read(tmp_path, GOOD | data)
    assert f"d.toml: unknown key {unknown}; expected one of " in str(error.value)
    assert str(error.value).endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize("key", ["base", "date", "full", "warm_start", "override", "nothing like it"])
def test_what_the_command_line_says_is_no_key_of_the_file(tmp_path, key):
    with pytest.raises(ConfigError, match=rf"unknown key {key}; expected one of items, events, shop, [^?]*, spark$"):
        read(tmp_path, {key: True} | GOOD)


def test_all_mistakes_of_a_file_are_said_a_line_each(tmp_path):
    data = {"items": {"files": "i"}, "topk": {"k": 0, "kk": 1}, "train": {"fading": [1.0]}, "tran": {}}
    with pytest.raises(ConfigError) as error:
        read(tmp_path, GOOD | data)
    lines = str(error.value).splitlines()
    assert [line.removeprefix(f"{tmp_path}/d.toml: ").split(" must be")[0].split(";")[0] for line in lines] == [
        "items.item_id is missing",
        "train.fading",
        "topk.k",
        "unknown key topk.kk",
        "unknown key tran",
    ]
    assert all(line.startswith(f"{tmp_path}/d.toml: ") for line in lines)


@pytest.mark.parametrize("module", ["shop", "learning", "release", "search"])
def test_every_key_has_a_docstring(module):
    tree = ast.parse((Path(jobs.config.__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
    bare = [
        f"{kind.name}.{ast.unparse(field.target)}"
        for kind in tree.body
        if isinstance(kind, ast.ClassDef)
        for field, after in itertools.pairwise([*kind.body, None])
        if isinstance(field, ast.AnnAssign)
        and not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]
    assert bare == []
