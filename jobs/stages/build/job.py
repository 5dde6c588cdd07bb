"""Job `build`: the tables and vectors of a run -> an immutable release, not yet announced."""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.stages.build.assemble import build
from jobs.stages.build.release_folder import remove_leftovers
from lookup.release import pointer
from lookup.release.reader import open_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Build a release from the run, reopen it through `lookup` checking every byte, and name it in `release.json`.

    The job first removes what an earlier build of this run left, unless it was announced. It needs no Spark: it reads
    the tables block by block, so its memory does not grow with the number of users.
    Raises MissingStepError when a job before has not run, DataError when the tables do not fit together.
    """
    remove_leftovers(config.run, config.releases)
    built = build(config, parent=pointer.read_or_none(config.releases))
    open_from(config.releases, built.id, verify=True)
    return {
        "release": built.id,
        **built.counts,
        "mib": sum(file.bytes for file in built.files.values()) >> 20,
        "search": built.index_choice.method,
        "search_recall": round(built.index_choice.recall, 4),
        "scan_us": round(built.index_choice.scan_us),
        "sketch_us": round(built.index_choice.sketch_us) if built.index_choice.sketch_us is not None else None,
        "annoy_us": round(built.index_choice.annoy_us),
    }
