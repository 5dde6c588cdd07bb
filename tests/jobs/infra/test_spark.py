"""The Spark of one machine: nobody on the network reaches it, nobody else reads its files, and it calls no Java."""

import os
import stat
from pathlib import Path

import psutil
import pytest
from pyspark.errors import AnalysisException

from jobs.errors import ConfigError
from jobs.infra.scratch import PREFIX
from jobs.infra.spark import LATE_COMPILER, is_local
from jobs.stages.ingest.spark.reading.columns import column
from tests.ports import beyond_loopback, listening

CALL = "('java.lang.System', 'getProperty', 'user.home')"
SPELLINGS = [
    f"reflect{CALL}",
    f"REFLECT /* ( */ {CALL}",
    f"`Java_Method`{CALL}",
    f"try_reflect{CALL}",
    f"builtin.reflect{CALL}",
    f"system.`builtin`.reflect{CALL}",
    f"identifier('refl' || 'ect'){CALL}",
    f"transform(array(1), x -> java_method{CALL})[0]",
    f"(select reflect{CALL})",
    f"case when name = 'reflect' then java_method{CALL} end",
    f"name[reflect{CALL}]",
]


def test_a_master_on_this_machine_is_known() -> None:
    assert [is_local(one) for one in ("local", "local[*]", "local[2]", "local-cluster[2,1,1024]", "yarn", "")] == [
        *[True] * 3,
        *[False] * 3,
    ]


def test_a_session_listens_on_loopback_alone_and_with_a_secret(spark) -> None:
    with listening() as heard:
        assert spark.range(10).repartition(2).rdd.map(lambda row: row.id).sum() == 45
    assert heard
    assert beyond_loopback(heard) == []
    assert spark.conf.get("spark.authenticate") == "true"
    assert spark.sparkContext.uiWebUrl is None


def test_the_list_of_processes_shows_no_setting_that_is_a_secret(spark) -> None:
    assert spark.conf.get("spark.hadoop.shop.secret.key") == "hush-7"
    (java,) = [one for one in psutil.Process().children(recursive=True) if one.name() == "java"]
    line = java.cmdline()
    assert "spark.driver.memory=1g" in line
    assert not any("hush" in word for word in line)
    assert set(LATE_COMPILER.split()) <= set(line)


def test_what_spark_writes_is_for_this_user_alone(spark, tmp_path: Path) -> None:
    spark.range(10).write.parquet((tmp_path / "table").as_uri())
    written = [tmp_path / "table", *(tmp_path / "table").iterdir()]
    assert len(written) > 2
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in written} == {0}
    scratch = Path(spark.conf.get("spark.local.dir"))
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    assert list(scratch.glob("blockmgr-*"))


def test_torch_leaves_no_folder_of_its_own_among_temporary_files(spark) -> None:
    there = spark.sparkContext.parallelize([0], 1).map(lambda _: os.environ["TORCHINDUCTOR_CACHE_DIR"]).first()
    assert there == os.environ["TORCHINDUCTOR_CACHE_DIR"]
    assert Path(there).parent.name.startswith(PREFIX)


@pytest.mark.parametrize("expression", SPELLINGS)
def test_no_spelling_of_a_call_of_java_is_an_expression(spark, expression: str) -> None:
    frame = spark.createDataFrame([("a",)], "name string")
    with pytest.raises(ConfigError, match=r"items.title = .* is neither a column nor an expression.*java_calls = true"):
        column(frame, expression, "items.title")


def test_words_that_only_look_like_a_call_of_java_stay(spark) -> None:
    frame = spark.createDataFrame([("a",)], "reflect string")
    for expression, value in (
        ("reflect", "a"),
        ("upper(reflect)", "A"),
        ("'reflect(java_method())'", "reflect(java_method())"),
    ):
        assert frame.select(column(frame, expression, "items.title")).first()[0] == value
    with pytest.raises(AnalysisException):
        spark.sql(f"select reflect{CALL}").collect()
