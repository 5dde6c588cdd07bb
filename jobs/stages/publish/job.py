"""Publish: verify every byte of the release that was validated, and point CURRENT at it."""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import MissingStepError
from jobs.releases.announce import announce

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Announce the release of the run. It needs no Spark.

    Raises MissingStepError where this very release has not passed `validate`, ReleaseError where it is damaged.
    """
    release_id = config.run.read_json("release.json")["id"]
    validation = config.run.read_json("validation.json")
    if validation["id"] != release_id or not validation["ok"]:
        raise MissingStepError(
            f"{config.run.path('validation.json')}: release {release_id} has not passed validation: "
            f"run `daybreak job validate --date {config.date}` first"
        )
    announce(config.releases, release_id)
    return {"release": release_id}
