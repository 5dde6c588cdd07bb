"""Times: which are read, and why others are not."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from jobs.errors import ConfigError, DataError
from jobs.stages.ingest.spark.quarantine import first_reason
from jobs.stages.ingest.spark.reading.times import tell_unreadable, time_column

SECONDS = 1_767_607_200
MOMENT = datetime.fromtimestamp(SECONDS, UTC).replace(tzinfo=None)


def read(spark, values, ddl="at string", pattern=None):
    """What stands for each value: a time, or the reason against it."""
    frame = spark.createDataFrame([(n, value) for n, value in enumerate(values)], f"n int, {ddl}")
    time = time_column(frame, "at", "events.time", pattern)
    rows = frame.select("n", time.value.alias("value"), first_reason(*time.rules).alias("reason")).collect()
    return [row["reason"] or row["value"] for row in sorted(rows, key=lambda row: row["n"])]


def test_iso_8601_with_a_day(spark):
    texts = ["2026-01-05 10:00:00", "\ufeff2026-01-05T10:00:00.000Z ", "2026-01-05T12:00:00+02:00", "2026-1-5 10:00"]
    assert read(spark, texts) == [MOMENT] * 4
    assert read(spark, ["10:00", "T12:30:00", "2026", "2026-01", "yesterday", "", None, "05.01.2026"]) == [
        *["time names no day"] * 2,
        *["time is not readable"] * 3,
        *["time is missing"] * 2,
        "time is not readable",
    ]
    assert read(spark, ["1969-12-31", "9999-12-31", "99999-12-31"]) == [
        "time is before 1970",
        "time is in the future",
        "time is not readable",
    ]


@pytest.mark.parametrize(("unit", "factor"), [("seconds", 1), ("milliseconds", 1000)])
def test_unix_times_within_bounds(spark, unit, factor):
    good, later, worse = SECONDS * factor, SECONDS * factor * 1000, SECONDS * 10**9
    late = ["time is in the future"] * 2
    assert read(spark, [good, later, worse, -1], "at bigint", unit) == [MOMENT, *late, "time is before 1970"]
    assert read(spark, [float(good), float(later), 1e300, float("nan")], "at double", unit)[:3] == [MOMENT, *late]
    assert read(spark, [str(good), f" {later}", str(worse), "soon", "NaN", "-5", "1e400"], pattern=unit) == [
        MOMENT,
        *late,
        *["time is not readable"] * 2,
        "time is before 1970",
        "time is in the future",
    ]


def test_a_pattern(spark):
    assert read(spark, ["05.01.2026 10:00", "13:00", "2026-01-05"], pattern="dd.MM.yyyy HH:mm") == [
        MOMENT,
        "time names no day",
        "time is not readable",
    ]
    assert read(spark, [20260105100000, 0], "at bigint", "yyyyMMddHHmmss") == [MOMENT, "time is not readable"]
    assert read(spark, [20260105100000.0], "at double", "yyyyMMddHHmmss") == [MOMENT]


def test_a_column_of_times_needs_no_pattern(spark):
    assert read(spark, [MOMENT, None], "at timestamp", "dd.MM.yyyy") == [MOMENT, "time is missing"]
    assert read(spark, [MOMENT.date()], "at date") == [datetime(2026, 1, 5)]


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (SECONDS, r'in seconds they are of 2026-01-05: time_format = "seconds"'),
        (SECONDS * 1000, r'in milliseconds they are of 2026-01-05: time_format = "milliseconds"'),
        (SECONDS * 10**6, r"in microseconds they are of 2026-01-05: .* divided by 1000$"),
        (20260105, r'they look like dates: time_format = "yyyyMMdd"'),
    ],
)
def test_numbers_without_a_unit_are_told_with_the_one_that_fits(spark, value, advice):
    with pytest.raises(DataError, match=f"events.time = 'at' holds numbers, such as '{value}'; {advice}"):
        read(spark, [None, value, value + 1], "at bigint")


def test_other_types_are_no_times(spark):
    with pytest.raises(ConfigError, match=r"events.time = 'at' is of type boolean; a time is expected"):
        read(spark, [True], "at boolean")


def test_times_that_a_pattern_reads_are_not_told_to_need_another(spark, capsys):
    table = SimpleNamespace(time="at", time_format="d.M.yyyy H:mm")
    rows = [("events", "time is in the future", '{"at": "31.12.2999 10:00"}')]
    for more, told in (
        ([], "such as '31.12.2999 10:00' were read, and none can be of then"),
        ([("events", "time is not readable", '{"at": "soon"}')], "such as 'soon'; time_format is 'd.M.yyyy H:mm'"),
    ):
        tell_unreadable(spark.createDataFrame(rows + more, "source string, reason string, record string"), [table])
        assert told in capsys.readouterr().out
