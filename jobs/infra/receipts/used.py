"""The one statement of what a job took: `used` of a receipt in the manifest, and view `receipts` of the catalog."""

from dataclasses import asdict, dataclass
from typing import Any

USED = "used"
"""The key of a receipt that holds it. Receipts of earlier versions have none."""


@dataclass(frozen=True, kw_only=True)
class JobUse:
    """What a job took.

    The processes of a job are the driver, Spark's JVM, Python workers, fits, and all that they start. On a cluster the
    executors are beside them.
    """

    start_seconds: float
    """Before the job: from the start of the program until its first job began, with Spark's start; 0 for later jobs."""
    cpu_seconds: float
    """Of processors, by all processes; on a cluster with the tasks of executors and their Python workers, without what
    executors do beside tasks."""
    device_seconds: float
    """Of GPUs: how long functions of Daybreak ran with one, added up over the GPUs."""
    spark_seconds: float
    """Spark's own share of the job's `seconds`: the driver waits for Spark, less what functions of Daybreak took in
    tasks (`task_seconds`), spread over the tasks that may run at once. Planning, reading, writing, joins, SQL
    expressions, the start of Python workers and idle cores are Spark's own."""
    task_seconds: float
    """How long functions of Daybreak ran in Spark's tasks, added up over the tasks; without waiting for their input."""
    peak_mib: int
    """Memory of the largest process, MiB; without executors on other machines."""
    memory_mib: int
    """Memory of all processes at one time, at its highest, MiB: what is shared counts once. Looked at every second or
    so. On a cluster with what the executors were given."""
    cores: float
    """Cores held: those that the driver's container gives, or `costs.cores`, and those of executors elsewhere."""
    rows_in: int
    """Rows of the run's tables that the job opened, each table once and whole; of `ingest`, rows of the shop's files,
    without those that `where` leaves out."""
    rows_out: int
    """Rows of the tables that it wrote."""
    bytes_read: int | None
    """From storage, by all processes; what the system still has in memory is not read again. On a cluster with what
    executors read of files. Null where the system does not tell."""
    bytes_written: int | None
    """To storage, likewise."""
    bytes_shuffled: int
    """Written by Spark for its own exchanges."""
    money: float | None = None
    """By the prices in `[costs]`, `start_seconds` included; null where it has none."""
    currency: str | None = None
    """Of `money`."""

    def to_json(self) -> dict[str, Any]:
        """As the receipt has it: no keys for money where there are no prices."""
        return {name: value for name, value in asdict(self).items() if name not in MONEY or self.money is not None}


MONEY = ("money", "currency")
"""What only a configuration with prices brings."""
