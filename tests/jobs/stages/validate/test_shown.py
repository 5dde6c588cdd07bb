"""A night of which people would see nothing, or nothing that is known, is held: absolutely, and by the incumbent."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.config.config import Config
from jobs.config.release import ValidateConfig
from jobs.config.shop import ItemsConfig
from jobs.errors import ValidationError
from jobs.stages.build import job as build
from jobs.stages.publish import job as publish
from jobs.stages.validate import job as validate
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from tests.releases import config_at, rewrite
from tests.run_tables import NIGHT, Sizes, write_run

SIZES = Sizes(items=50, users=30)
Rows = list[dict[str, Any]]


def made(base: Path, change: Callable[[Rows], object] | None = None, night: int = 0) -> Config:
    """A run whose items are changed; its configuration names every field."""
    names = ItemsConfig(files="i.csv", item_id="id", title="t", price="p", category="c", brand="b", image="i")
    config = replace(config_at(base, NIGHT + timedelta(days=night), SIZES), items=names)
    write_run(config, 5 + night, SIZES)
    if change is not None:
        rewrite(config, "items", change)
    build.run(None, config)
    return config


def held_for(config: Config) -> dict[str, str]:
    """What the night is held for: name and what was found; nothing where it passes."""
    try:
        validate.run(None, config)
    except ValidationError:
        findings = config.run.read_json("validation.json")["findings"]
        return {one["name"]: one["found"] for one in findings if not one["ok"] and one["kind"] != "warning"}
    publish.run(None, config)
    return {}


def every(**values: object) -> Callable[[Rows], object]:
    return lambda rows: [row.update(values) for row in rows]


def lost(rows: Rows) -> None:
    """Two of fifty items are left, images and a feature are gone."""
    sold_out(rows)
    for row in rows:
        row["features"] = [(name, text) for name, text in row["features"] if name != "organic"]


def sold_out(rows: Rows) -> None:
    """Two of fifty items are left."""
    for row in rows:
        row["in_stock"] = row["item"] in (7, 9)


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (every(in_stock=False), {"items that can be shown": "0 of 50", "users' lists with an item to show": "0.0000"}),
        (every(title=""), {"items with title": "0.0%"}),
        (every(title="  "), {"items with title": "0.0%"}),
        (every(price=0.0), {"items with price": "0.0%"}),
        (every(price=None), {"items with price": "0.0%"}),
        (every(price=float("nan")), {"items with price": "0.0%"}),
    ],
)
def test_a_first_night_of_nothing_is_held(
    tmp_path: Path, change: Callable[[Rows], object], lost: dict[str, str]
) -> None:
    assert lost.items() <= held_for(made(tmp_path, change)).items()


@pytest.mark.parametrize("change", [every(brand=None), every(image="")])
def test_a_field_that_a_shop_can_do_without_is_a_warning_on_a_first_night(
    tmp_path: Path, change: Callable[[Rows], object]
) -> None:
    config = made(tmp_path, change)
    assert held_for(config) == {}
    findings = config.run.read_json("validation.json")["findings"]
    assert any(not one["ok"] and one["name"].startswith("items with ") for one in findings)


def test_what_the_incumbent_had_must_not_be_lost(tmp_path: Path) -> None:
    first = made(tmp_path, every(brand="Acme", image="i.jpg"))
    assert held_for(first) == {}
    before = first.run.read_json("release.json")["id"]
    second = made(tmp_path, lost, night=1)
    found = held_for(second)
    assert found[f"items that can be shown, against {before}"] == "2"
    assert f"items to show in a user's list, on average, against {before}" in found
    assert found[f"items with image, against {before}"] == "0 (0.0%)"
    assert found[f"items with feature organic, against {before}"] == "0 (0.0%)"
    assert not any("title" in name or "category" in name for name in found)


def test_items_hidden_and_sold_out_by_the_patch_log_are_not_shown(tmp_path: Path) -> None:
    config = made(tmp_path, every(in_stock=True))
    assert held_for(config) == {}
    with closing(open_log(config.patches)) as log:
        at = datetime(2026, 11, 22, 8, tzinfo=UTC)
        values = ({"hidden": True}, {"in_stock": False})
        log.append(patch.item(f"item-{n}", values[n % 2], at=at) for n in range(SIZES.items))
    assert held_for(config)["items that can be shown"] == "0 of 50"


def test_the_limits_are_the_shops(tmp_path: Path) -> None:
    config = made(tmp_path, sold_out)
    assert "users' lists with an item to show" in held_for(config)
    lenient = ValidateConfig(min_shown_lists=0.0, min_shown_items=0.04, min_known={})
    assert held_for(replace(config, validate=lenient)) == {}
