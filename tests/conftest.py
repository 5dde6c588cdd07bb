"""What all tests share."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Short-lived Javas, here and in the tests' own processes: compiling less well takes half of the processor time.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
# What readers find of the releases that tests make is nothing to remember.
os.environ["DAYBREAK_CACHE"] = ""


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """A small local Spark: two cores, so two Python workers side by side."""
    from jobs.infra.spark import open_session

    session = open_session(
        "local[2]",
        {"spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "2", "spark.driver.host": "localhost"},
    )
    yield session
    session.stop()
