"""The Spark session of a night, and the device that Spark lends to a task."""

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.infra import scratch
from jobs.infra.cluster.errors import silence
from jobs.infra.files import spark_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOGGING = Path(__file__).with_name("log4j2.properties")

DEFAULTS = {
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOGGING.as_uri()}",
    "spark.driver.memory": "2g",
    "spark.executor.memory": "2g",
    "spark.sql.session.timeZone": "UTC",
    # A value that cannot be read becomes null. Its row goes to quarantine, and the night goes on.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # Old writers do not mark texts as such.
    "spark.sql.parquet.binaryAsString": "true",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4096",
    "spark.sql.sources.partitionOverwriteMode": "static",
    # Without it, Hadoop lets everybody read the tables that it writes, whatever the process's umask says.
    "spark.hadoop.fs.permissions.umask-mode": "077",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
"""Settings of a night. Those of spark-submit beat them, and those of the configuration beat both."""

ONE_MACHINE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.authenticate": "true",  # Spark makes a secret for each session
}
"""More of them for a local master, whose executor is in the driver: nobody on the network needs to reach it."""

LATE = (("Invocation", 500_000), ("MinInvocation", 60_000), ("Compile", 1_500_000), ("BackEdge", 4_000_000))
LATE_COMPILER = " ".join(f"-XX:Tier4{name}Threshold={calls}" for name, calls in LATE)
"""Options for a Java that is driver and executor at once: its optimising compiler waits a hundred times as long. A
night runs many plans, each for seconds, and by default half of Java's processor time went into compiling them. What
runs for millions of rows is compiled all the same."""

TORCH_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
"""The variable that names torch's folder; without it torch makes one among the system's temporary files …"""
TORCHS_OWN = "torchinductor_"
"""… whose name begins so."""

SECRET = re.compile(r"secret|passw|credential|(access|api).?key|token\b", re.IGNORECASE)
"""Names of settings whose values nobody may see."""

CALLS_OF_JAVA = ("reflect", "java_method", "try_reflect")
"""Functions of SQL that call any method of Java, and so start programs and write files."""


def parquet(spark: "SparkSession", path: Path, ddl: str | None = None) -> "DataFrame":
    """Parquet that Daybreak wrote: a file, or the folder of a table, whatever characters its path has.

    Where the work folder is on storage, Spark reads it there, and what is not there yet is brought there.
    ddl: the schema; by default that of the files.
    """
    from jobs.infra.storage.storage import Storage

    reader, storage = spark.read.option("__globPaths__", "false"), Storage.of(spark)
    where = spark_path(path) if storage is None else storage.where(path)
    return (reader.schema(ddl) if ddl else reader).parquet(where)


def open_session(
    master: str | None, settings: dict[str, str], folder: Path | None = None, java_calls: bool = False
) -> "SparkSession":
    """The Spark session of this process.

    master: such as `local[*]`; None under spark-submit, which brings its own. settings: `[spark]` of the configuration.
    folder: where a local session makes a private folder for what does not fit into memory; what dead sessions left
    there is removed. By default the system's folder of temporary files. Executors of a cluster keep theirs where the
    cluster says. java_calls: expressions may use CALLS_OF_JAVA; otherwise the session does not know these functions.
    """
    from pyspark.sql import SparkSession

    chosen = start_java(master, settings, folder)
    spark: SparkSession = SparkSession.builder.appName("daybreak").config(map=chosen).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    if not chosen["spark.master"].startswith("local"):
        from jobs.infra.storage.package import send_package

        send_package(spark.sparkContext)
    if not java_calls:
        _forget_calls_of_java(spark)
    return spark


def start_java(master: str | None, settings: dict[str, str], folder: Path | None = None) -> dict[str, str]:
    """Start the Java of this process, where none runs yet, and return the settings of a session, `spark.master` among
    them. The parameters are those of `open_session`.
    """
    from pyspark import SparkConf, SparkContext

    # Executors must run the Python that has torch and transformers, not the first one on their PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Workers on this machine are processes of their own. They must find the packages where this process finds them.
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([root, *os.environ.get("PYTHONPATH", root).split(":")]))
    if master is None:
        SparkContext._ensure_initialized()  # its Java is there already, and knows what spark-submit was told
    submitted = SparkConf()
    master = master or submitted.get("spark.master", "")
    chosen = dict(DEFAULTS)
    if is_local(master):
        if folder is None or "," in str(folder):  # Spark takes a comma for the end of a path
            folder = Path(tempfile.gettempdir())
        scratch.remove_leftovers(folder)
        own = scratch.claim(folder)
        # Java's temporary files go there, too: a container may have no other folder to write to.
        java = f'{chosen["spark.driver.extraJavaOptions"]} {LATE_COMPILER} "-Djava.io.tmpdir={own}"'
        chosen |= ONE_MACHINE | {"spark.local.dir": str(own), "spark.sql.warehouse.dir": str(own / "warehouse")}
        chosen["spark.driver.extraJavaOptions"] = java
        # torch makes a folder for its compiler when it is imported, whether it compiles or not, here and in workers.
        # Where it was imported before, the variable names that folder.
        if os.path.basename(os.environ.get(TORCH_FOLDER, TORCHS_OWN)).startswith(TORCHS_OWN):
            os.environ[TORCH_FOLDER] = str(own / "torch")
        chosen[f"spark.executorEnv.{TORCH_FOLDER}"] = os.environ[TORCH_FOLDER]
    chosen = {key: value for key, value in chosen.items() if submitted.get(key) is None} | settings
    chosen["spark.master"] = master
    silence()
    # This starts Java, with the settings on its command line, where everybody on this machine can read them.
    shown = [(key, value) for key, value in chosen.items() if not SECRET.search(key)]
    SparkContext._ensure_initialized(conf=SparkConf().setAll(shown))
    return chosen


def secrets_of(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The values among settings that nobody may see."""
    return tuple(value for key, value in settings.items() if value and SECRET.search(key))


def _forget_calls_of_java(spark: "SparkSession") -> None:
    java, registry = spark.sparkContext._jvm, spark._jsparkSession.sessionState().functionRegistry()
    database, catalog = java.scala.Option.apply("builtin"), java.scala.Option.apply("system")
    for name in CALLS_OF_JAVA:
        registry.dropFunction(java.org.apache.spark.sql.catalyst.FunctionIdentifier(name, database, catalog))


def is_local(master: str) -> bool:
    """Whether a Spark master is this machine alone: `local` or `local[N]`, without executors of their own."""
    return master == "local" or master.startswith("local[")


def task_device() -> str:
    """The torch device of the running Spark task: `cuda:N` where Spark lent it GPU N and torch finds it, else `cpu`.

    Call it inside a task. A task without a lent GPU computes on the CPU even where the machine has a GPU: otherwise
    tasks would crowd onto a device that Spark lent to another.
    """
    from pyspark import TaskContext

    address = lent_gpu(TaskContext.get())
    if address is None:
        return "cpu"
    import torch

    if not torch.cuda.is_available() or int(address) >= torch.cuda.device_count():
        return "cpu"
    return f"cuda:{address}"


def lent_gpu(context: object) -> str | None:
    """The address of the GPU that Spark lent to this task (`TaskContext.resources()`), or None."""
    resources = context.resources() if context is not None else {}  # type: ignore[attr-defined]
    return resources["gpu"].addresses[0] if "gpu" in resources else None
