"""Storage before Spark starts: the driver's Java alone reaches it."""

import uuid
from pathlib import Path

from jobs.errors import ConfigError
from jobs.infra.cluster.errors import EngineError
from jobs.infra.machine.cluster import starting
from jobs.infra.spark import secrets_of, start_java
from jobs.infra.storage.hadoop import Hadoop
from jobs.infra.storage.storage import LOCAL, URL, Storage


def open_storage(master: str | None, settings: dict[str, str], folder: Path) -> Storage:
    """The storage that a session of these settings will have, once it is found to take, give and remove a file.

    The parameters are those of `jobs.infra.spark.open_session`. Raises ConfigError where it does not, within minutes.
    """
    from pyspark import SparkConf, SparkContext

    with starting():
        chosen = start_java(master, settings, folder)
    java = SparkContext._jvm
    conf = SparkConf(_jvm=java).setAll(list(chosen.items()))
    hadoop = Hadoop(
        java, java.org.apache.spark.deploy.SparkHadoopUtil.get().newConfiguration(conf._jconf), secrets_of(chosen)
    )
    found = Storage(Path(chosen[LOCAL]), chosen[URL], hadoop)
    probe = found.at(f".probe-{uuid.uuid4().hex[:8]}")
    try:
        hadoop.write(probe, b"daybreak")
        said = hadoop.read(probe)
        hadoop.delete(probe)
    except (EngineError, ConfigError) as error:
        raise ConfigError(f"shop.work = {str(error).replace(probe, found.url)}") from error
    if said != b"daybreak":
        raise ConfigError(f"shop.work = {probe}: the storage gave {len(said)} bytes back that were not written")
    return found
