"""The night's text of an item equals the day's, for random items and patches."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jobs.infra.tables import EVENTS, SPARK_TYPES
from jobs.stages.ingest.spark.absorb import patch_items
from jobs.stages.ingest.spark.items import finish_items
from jobs.stages.ingest.spark.patch_tables import read
from jobs.stages.ingest.spark.shop_files import UPDATED
from lookup.item_fields import ABSORBED, ITEM_FIELDS, STORED, text_of
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from tests.jobs import small_run

texts = st.text(max_size=6) | st.sampled_from(["", " ", ". ", "Red mug", "größe, 茶", "a\n\x00b"])
VALUES = {
    "text": texts,
    "number": st.floats(0, 100),
    "switch": st.booleans(),
    "id": st.text(max_size=6),
    "path": st.lists(texts, max_size=3),
}


def some(fields):
    """Any of the fields, each with a value or None."""
    return st.fixed_dictionaries({}, optional={one.name: st.none() | VALUES[one.kind] for one in fields})


records = some(STORED).map(lambda said: {one.name: said.get(one.name) for one in STORED})
patches = some([one for one in ITEM_FIELDS if one.name in ABSORBED])
FIRST = {"title": "Mug", "description": "for tea", "brand": "Acme", "category": ["A", "B"]}


@settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.none() | records, patches), min_size=100, max_size=150))
def test_night_and_day_read_the_same(spark, examples):
    """record: None for an item that is only in the patch log."""
    first = {one.name: FIRST.get(one.name) for one in STORED}
    added = {"title": "Lamp", "description": "for reading", "text": ""}
    examples = [(first, {"text": "red"}), (None, added), (first, {"text": None}), *examples]
    with tempfile.TemporaryDirectory() as folder:
        found = by_night(spark, Path(folder), examples)
    for n, (record, said) in enumerate(examples):
        if record is None and said.get("title") is None and said.get("text") is None:
            assert f"i{n}" not in found
        else:
            assert found[f"i{n}"] == text_of({**(record or {}), **said})
    assert found["i0"] == "Mug. Acme. A, B. red"
    assert found["i1"] == "Lamp. for reading"
    assert found["i2"] == "Mug. Acme. A, B. for tea"


def by_night(spark, folder, examples):
    """The texts that ingest makes, by item id."""
    config = small_run.config(folder)
    config.releases.mkdir()
    morning = datetime(config.date.year, config.date.month, config.date.day, tzinfo=UTC)
    since = morning.replace(year=morning.year - 1)
    log = open_log(config.patches)
    log.append([patch.item(f"i{n}", said, at=since.replace(hour=1)) for n, (_, said) in enumerate(examples) if said])
    log.close()
    columns = ", ".join(f"{one.name} {SPARK_TYPES[one.kind]}" for one in STORED)
    rows = [(f"i{n}", *record.values(), {}, since) for n, (record, _) in enumerate(examples) if record is not None]
    items = spark.createDataFrame(rows, f"item_id string, {columns}, features map<string, string>, {UPDATED} timestamp")
    good, _ = patch_items(items, read(spark, config), {})
    numbered = good.selectExpr("*", "cast(0 as int) as item")
    made = finish_items(numbered, spark.createDataFrame([], EVENTS.ddl))
    return {row["item_id"]: row["text"] for row in made.select("item_id", "text").collect()}
