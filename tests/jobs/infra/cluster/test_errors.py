"""What Spark says in a trace is told in a sentence."""

import pytest

from jobs.errors import ConfigError
from jobs.infra.cluster.errors import EngineError, told


def failing(spark, expression: str) -> None:
    spark.range(1).selectExpr(expression).collect()


@pytest.mark.parametrize(
    ("expression", "raised"),
    [
        ("nothing + 1", (ConfigError, r"^ingest: an expression .* does not fit: A column.* `nothing` cannot be")),
        ("id +", (ConfigError, r"^ingest: an expression .* Syntax error")),
        ("raise_error('a wheel came off')", (EngineError, r"^ingest: pyspark failed: a wheel came off\. The whole")),
    ],
)
def test_one_sentence_and_the_rest_in_a_file(spark, tmp_path, capfd, expression, raised):
    error, message = raised
    file = tmp_path / "errors" / "ingest.txt"
    with pytest.raises(error, match=message) as caught, told("ingest", file):
        failing(spark, expression)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"is in {file}")
    assert file.stat().st_size > 0
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_is_named(spark, tmp_path):
    spark.range(1000).coalesce(1).write.parquet(str(tmp_path / "a b"))
    part = next((tmp_path / "a b").glob("part*"))
    frame = spark.read.parquet(f"file:{part}")
    data = bytearray(part.read_bytes())
    data[4:200] = b"\xff" * 196
    part.write_bytes(data)
    (tmp_path / "a b" / f".{part.name}.crc").unlink()
    with pytest.raises(ConfigError, match=r"/a b/part-.*parquet: is damaged"), told("ingest", tmp_path / "e.txt"):
        frame.selectExpr("sum(id)").collect()


def test_other_errors_pass(tmp_path):
    with pytest.raises(ZeroDivisionError), told("ingest", tmp_path / "e.txt"):
        _ = 1 / 0


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("x\nCaused by: java.io.IOException: No space left on device", "job: the disk is full: x. The", 1),
        ("x\nCaused by: java.lang.OutOfMemoryError: Java heap space", "job: too little memory; more is given", 1),
        ("x\nCaused by: org.apache.X: ExecutorLostFailure\n", "job: a machine or a process of Spark went away", 1),
        (
            "Traceback (most recent call last):\n  f\nValueError: odd\n\n\tat org.x",
            "job: pyspark failed: ValueError: odd",
            2,
        ),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(tmp_path, text, message, code):
    from pyspark.errors import PySparkRuntimeError

    error = PySparkRuntimeError(text)
    with pytest.raises(EngineError, match=message) as caught, told("job", tmp_path / "e.txt"):
        raise error
    assert caught.value.exit_code == code


def test_duckdb_and_polars_are_told_too(tmp_path):
    import duckdb
    import polars as pl

    with (
        pytest.raises(EngineError, match="build: duckdb failed: IO Error: No files found"),
        told("build", tmp_path / "e"),
    ):
        duckdb.sql("FROM read_parquet('none.parquet')")
    with pytest.raises(EngineError, match="build: polars failed"), told("build", tmp_path / "e"):
        pl.DataFrame({"a": [1]}).select("b")
