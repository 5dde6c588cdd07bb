"""The errors of Spark and of the other engines in one sentence. What they say themselves, pages, goes to a file."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from jobs.errors import ConfigError
from lookup.errors import DaybreakError

LONGEST = 400
"""Characters of an engine's words in a message."""
CAUSE = re.compile(r"^(?:Caused by: |: )([\w.$]+(?:Exception|Error)\w*)(?:: (.*))?$", re.MULTILINE)
"""A line of a trace of Java that names a cause."""
RAISED = re.compile(r"^\w[\w.]*(?:Error|Exception)\b.*$", re.MULTILINE)
"""The last line of a trace of Python."""
FILE = re.compile(r"file:/+[^\s,;]*[^\s,;.:]")
DISK = "the disk is full"
MEMORY = 'too little memory; more is given by "spark.driver.memory" and "spark.executor.memory" in [spark]'
AWAY = "a machine or a process of Spark went away"
MAY_PASS = {
    **dict.fromkeys(("No space left on device", "Disk quota exceeded"), DISK),
    **dict.fromkeys(("OutOfMemoryError", "Java heap space", "UNABLE_TO_ACQUIRE_MEMORY"), MEMORY),
    **dict.fromkeys(("ExecutorLostFailure", "FetchFailedException", "Connection refused", "Java side is empty"), AWAY),
}
"""Words of an error after which the same job may do better → what happened."""
INPUT = ("FAILED_READ_FILE", "ParquetDecodingException", "MalformedInputException", "ZipException", "EOFException")
"""Words of errors that a file of the shop is to blame for."""


class EngineError(DaybreakError):
    """Spark, DuckDB, Arrow or polars fails in the middle of a job."""

    exit_code = 2

    def __init__(self, message: str, may_pass: bool = False):
        """may_pass: the same job may do better when it runs again, on a machine with room."""
        super().__init__(message)
        if may_pass:
            self.exit_code = 1


@contextmanager
def told(job: str, to: Path) -> Iterator[None]:
    """Turn an engine's error into a message of one sentence. to: a file for all that the engine says.

    Raises ConfigError where the configuration or a file of the shop is to blame, and EngineError for the rest.
    """
    import duckdb
    from polars.exceptions import PolarsError
    from py4j.protocol import Py4JError
    from pyarrow import ArrowException
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, duckdb.Error, ArrowException, PolarsError) as error:
        whole = str(error)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(whole + "\n", encoding="utf-8")
        raise _of(job, error, whole, to) from error


def _of(job: str, error: Exception, whole: str, to: Path) -> DaybreakError:
    from pyspark.errors import AnalysisException, IllegalArgumentException, ParseException

    said = f"{summary(error)}. The whole message is in {to}"
    passing = next((what for words, what in MAY_PASS.items() if words in whole), None)
    if passing:
        return EngineError(f"{job}: {passing}: {said}", may_pass=True)
    file = FILE.search(whole)
    if file and any(words in whole for words in INPUT):
        path = unquote(re.sub("^file:/+", "/", file[0]))
        if "FileNotFoundException" in whole or "FILE_NOT_EXIST" in whole:
            return ConfigError(f"{path}: is not there, or was replaced, or not every machine sees it: {said}")
        return ConfigError(f"{path}: is damaged or of another form: {said}")
    if job == "ingest" and isinstance(error, AnalysisException | ParseException | IllegalArgumentException):
        return ConfigError(f"{job}: an expression of the configuration, or a column of it, does not fit: {said}")
    return EngineError(f"{job}: {type(error).__module__.partition('.')[0].strip('_')} failed: {said}")


def summary(error: Exception) -> str:
    """What an engine says in a line: without its code, the place in the plan, and the trace."""
    from pyspark.errors import PySparkException

    whole = str(error)
    text = (error.getMessage() or "") if isinstance(error, PySparkException) else whole
    causes, raised = CAUSE.findall(whole), RAISED.findall(whole)
    if "Traceback (most recent call last)" in whole and raised:
        text = raised[-1]
    elif causes and not isinstance(error, PySparkException):
        name, words = causes[-1]
        text = words or name.rpartition(".")[2]
    line = next((part.strip() for part in text.splitlines() if part.strip()), type(error).__name__)
    line = re.sub(r"^\[[A-Za-z_.0-9]+\]\s*", "", line)
    line = re.sub(r"\s*SQLSTATE: \w+.*$", "", line).rstrip(" .;")
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"


def silence() -> None:
    """Keep pyspark from printing an error as JSON before it raises it."""
    from pyspark.logger import PySparkLogger

    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)
