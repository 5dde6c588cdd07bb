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
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    """A small local Spark: two cores, so two Python workers side by side."""
    from jobs.infra.spark import open_session

    session = open_session(
        "local[2]",
        {
            "spark.driver.memory": "1g",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.adaptive.enabled": "false",  # planning anew takes longer than these small tables
            "spark.hadoop.shop.secret.key": "hush-7",
        },
        tmp_path_factory.mktemp("spark"),
    )
    yield session
    session.stop()


@pytest.fixture(scope="session", autouse=True)
def _releases_can_be_damaged() -> Iterator[None]:
    """Tests damage releases, which a build makes read-only. Root can do so all the same; for others they stay open."""
    if os.geteuid() == 0:
        yield
        return
    with pytest.MonkeyPatch.context() as patched:
        for module in ("jobs.releases.access", "jobs.stages.build.release_folder"):
            patched.setattr(f"{module}.seal", lambda release: None)
        yield
