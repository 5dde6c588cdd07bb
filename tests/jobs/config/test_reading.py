"""The keys that say how files are read are checked when the configuration is loaded."""

from datetime import date

import pytest

from jobs.config.loader import load
from jobs.config.reading import time_format_problem
from jobs.errors import ConfigError

TOML = '[items]\nfiles="i"\nitem_id="i"\n[[events]]\nfiles="e"\nuser_id="u"\nitem_id="i"\ntime="t"\n'

GOOD = [
    "yyyy-MM-dd HH:mm:ss",
    "dd.MM.yyyy",
    "M/d/yyyy H:mm",
    "M/d/yy h:mm a",
    "yyyyMMdd",
    "yyyyMMddHHmmss",
    "yyyy-DDD",
    "dd MMM yyyy HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "yyyy-MM-dd HH:mm:ss VV",
    "yyyy-MM-dd HH:mm z",
    "yyyy-MM-dd'T'HH:mm[:ss]",
    "dd''MM yyyy",
]
BAD = {
    "%Y-%m-%d %H:%M:%S": "strftime; Spark's would be 'yyyy-MM-dd HH:mm:ss'",
    "%d.%m.%yT%H:%M": "strftime; Spark's would be \"dd.MM.yy'T'HH:mm\"",
    "YYYY-MM-DD": "meant is perhaps 'yyyy-MM-dd'",
    "yyyy-mm-dd": "MM is the month",
    "yyyy-MM": "names no whole day",
    "HH:mm": "names no whole day",
    "dd/MM/yyyy hh:mm": "HH goes to 24",
    "yyyy-MM-ddTHH:mm": "T is no letter",
    "EEE, dd MMM yyyy": "by the letter E",
    "ddd.MM.yyyy": "ddd is too long",
    "yyyy-MM-dd 'at": "never closed",
    "yyyy-MM-dd #": "# must stand in single quotes",
    "iso": "by the letter i",
}


@pytest.mark.parametrize("pattern", GOOD)
def test_a_pattern_of_spark_is_taken(pattern):
    assert time_format_problem(pattern) is None


@pytest.mark.parametrize(("pattern", "problem"), BAD.items())
def test_a_wrong_pattern_is_told_with_what_is_meant(tmp_path, pattern, problem):
    (tmp_path / "a.toml").write_text(f'{TOML}time_format="""{pattern}"""\n')
    with pytest.raises(ConfigError, match=r"events\[0\].time_format must be .seconds., ") as told:
        load(tmp_path / "a.toml", date(2026, 1, 1))
    assert problem in str(told.value)


def test_spark_agrees(spark):
    """Every pattern that is taken is one by which Spark formats and reads."""
    from pyspark.sql import functions as F

    moment = F.timestamp_seconds(F.lit(1_767_607_200))
    row = spark.range(1).select(
        *(F.try_to_timestamp(F.date_format(moment, one), F.lit(one)).alias(str(n)) for n, one in enumerate(GOOD))
    )
    assert {value.strftime("%Y-%m-%d") for value in row.first()} == {"2026-01-05"}


@pytest.mark.parametrize("name", ["cp1252", "UTF-16", "latin1", "windows-1251"])
def test_an_encoding_is_taken_by_any_of_its_names(tmp_path, name):
    (tmp_path / "a.toml").write_text(f'{TOML}encoding="{name}"\n')
    assert load(tmp_path / "a.toml", date(2026, 1, 1)).events[0].encoding


@pytest.mark.parametrize("name", ["ansi-x", "base64", "hex"])
def test_a_wrong_encoding_is_told(tmp_path, name):
    (tmp_path / "a.toml").write_text(f'{TOML}encoding="{name}"\n')
    with pytest.raises(ConfigError, match=rf"events\[0\].encoding must be the name of an encoding, .* not .{name}"):
        load(tmp_path / "a.toml", date(2026, 1, 1))
