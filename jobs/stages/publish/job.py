"""Publish: verify every byte of the release that was validated, upload it where the shop has a store, point CURRENT at
it, and prune runs and models."""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import MissingStepError
from jobs.releases.announce import announce, refuse_older
from jobs.releases.prune_work import prune_kept, prune_models, prune_runs, prune_text_models
from jobs.releases.validation import NOT_VALIDATED, config_option, why_not_announced
from lookup.release import manifest as manifests

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Announce the release of the run, and remove runs and models beyond the numbers in `[shop]`. It needs no Spark.

    Raises MissingStepError where `validate` has not seen this very release, ValidationError where it holds it or where
    the release that serves is of a later date (unless `config.older` asks for it), ReleaseError where the release is
    damaged, or where another command announces one meanwhile; StoreError where the shop's store fails.
    """
    release_id = config.run.read_json("release.json", checked=False)["id"]  # whatever the run holds by now
    if why_not_announced(config.releases, manifests.read(config.releases / release_id)) == NOT_VALIDATED:
        raise MissingStepError(
            f"release {release_id} has not been validated: run "
            f"`daybreak job validate{config_option(config.file)} --date {config.date}` first"
        )
    serves = None if config.older else refuse_older(config.releases, config.date)
    announce(config.releases, release_id, config=config.file, instead_of=serves, store=config.shop.store)
    models = config.shop.keep_models
    removed = [
        *prune_runs(config, config.shop.keep_runs),
        *prune_models(config, models),
        *prune_text_models(config, models),
        *prune_kept(config, models),
    ]
    return {
        "release": release_id,
        "folders_removed": len(removed),
        "mib_removed": sum(one.bytes for one in removed) >> 20,
    }
