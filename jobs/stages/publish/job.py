"""Publish: point CURRENT at a release. Whatever is announced was verified, byte by byte, just before."""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import MissingStepError
from jobs.releases.announce import announce

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Announce the release of the run. Spark is not needed.

    Raises MissingStepError when that very release did not pass `validate`, ReleaseError when it is damaged.
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
