"""Publish: verify every byte of the release that was validated, and point CURRENT at it."""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import MissingStepError
from jobs.releases.announce import announce
from jobs.releases.validation import NOT_VALIDATED, config_option, why_not_announced
from lookup.release import manifest as manifests

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Announce the release of the run. It needs no Spark.

    Raises MissingStepError where `validate` has not seen this very release, ValidationError where it holds it,
    ReleaseError where the release is damaged.
    """
    release_id = config.run.read_json("release.json", checked=False)["id"]  # whatever the run holds by now
    if why_not_announced(config.releases, manifests.read(config.releases / release_id)) == NOT_VALIDATED:
        raise MissingStepError(
            f"release {release_id} has not been validated: run "
            f"`daybreak job validate{config_option(config.file)} --date {config.date}` first"
        )
    announce(config.releases, release_id, config=config.file)
    return {"release": release_id}
