"""The tasks of the DAGs: jobs that Spark runs, and a command that needs no Spark.

Both say why they failed in one sentence, the last line of the task's log at level ERROR. The exit code decides whether
Airflow tries again: where trying again cannot help (wrong configuration, bad data, a held release), the task fails at
once.
"""

import json
import logging
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

HOPELESS = (2, 3, 4, 5)
"""Exit codes of Daybreak (see `daybreak --help`) after which the same command fails again."""
SAYS = "daybreak: "
"""How a line begins in which Daybreak says what is wrong."""
EXIT_CODE = re.compile(r"(?:Error code is|spark exit code is): (-?\d+)")
LATE = (("Invocation", 500_000), ("MinInvocation", 60_000), ("Compile", 1_500_000), ("BackEdge", 4_000_000))
"""Java's optimising compiler waits a hundred times as long as by default: it took half of a short session's time."""
DRIVER = {
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": " ".join(f"-XX:Tier4{name}Threshold={calls}" for name, calls in LATE),
}
"""What the driver gets where `[spark]` of the configuration says nothing; as `jobs.infra.spark` has it."""
EARLY = ("driver.", "submit.", "jars", "files", "archives", "yarn.", "kubernetes.")
"""Settings of Spark that must be known before the driver starts. The job sets the others, secrets among them, itself:
what is on a command line can be read by every user of the machine."""

TRACE = re.compile(r"at \S+\(|\.\.\. \d+ more")
"""How the lines of a trace of Java begin, after the line that says what is wrong."""
SUBMIT_OPTIONS = "SPARK_SUBMIT_OPTS"
"""The variable with the options of the Java that submits a job; that of a driver in the cluster does not get them."""
TEMPORARY = "java.io.tmpdir"


class SparkJob(SparkSubmitOperator):
    """Submits jobs to Spark, with the settings of `[spark]` in their configuration.

    Where the task has outlets, their events say with which configuration and date it ran.
    """

    def execute(self, context: Any) -> None:
        """Run the job. Raises AirflowFailException where trying again cannot help."""
        config, date = (self.application_args[self.application_args.index(name) + 1] for name in ("--config", "--date"))
        self.conf = DRIVER | early_settings(Path(config))
        os.environ |= temporary_files(os.environ)
        try:
            super().execute(context)
        except AirflowFailException:
            raise
        except AirflowException as error:
            codes, lines = EXIT_CODE.findall(str(error)), str(error).splitlines()
            raise failure(int(codes[-1]) if codes else None, lines) from None
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {"config": config, "date": date}


class Command(BaseOperator):
    """Runs a command of `daybreak` in a temporary folder; a line of JSON that it prints last is the XCom.

    words: the command, its arguments and options.
    """

    template_fields = ("words",)

    def __init__(self, *, words: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = words
        self._hook = SubprocessHook()

    def command(self) -> list[str]:
        """The words of the command, after the program: by its path, which the PATH of the process may lack."""
        return [str(Path(sys.executable).with_name("daybreak")), *self.words]

    def execute(self, context: Any) -> Any:
        """Run the command. Raises AirflowFailException where trying again cannot help."""
        result = self._hook.run_command(self.command())
        if result.exit_code:
            raise failure(result.exit_code, [result.output])
        return json.loads(result.output) if result.output.startswith("{") else None

    def on_kill(self) -> None:
        """End the command when Airflow ends the task."""
        self._hook.send_sigterm()


def failure(code: int | None, lines: Iterable[str]) -> AirflowException:
    """The error of a task whose command ended with an exit code; lines: what it printed last."""
    said = [line.strip() for line in lines if line.strip() and not TRACE.match(line.strip())]
    sentence = next((line for line in reversed(said) if line.startswith(SAYS)), said[-1] if said else "")
    return (AirflowFailException if code in HOPELESS else AirflowException)(f"{sentence} (exit code {code})")


def temporary_files(env: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment of spark-submit, so that its Java has its temporary files where Python has them:
    it does not look at TMPDIR, and cannot start where nobody may write to /tmp.

    Raises AirflowFailException where there is no folder for them.
    """
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        raise AirflowFailException(
            f"{SAYS}no folder for temporary files: set TMPDIR to one that this user may write to"
        ) from None
    given = [env.get(name, "") for name in (SUBMIT_OPTIONS, "JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS")]
    if folder == "/tmp" or any(TEMPORARY in options for options in given):
        return {}
    quoted = folder.replace("\\", r"\\").replace('"', r"\"")
    return {SUBMIT_OPTIONS: f'{given[0]} "-D{TEMPORARY}={quoted}"'.strip()}


def early_settings(config: Path) -> dict[str, str]:
    """Those settings of `[spark]` that the driver needs before it starts. None where the file is not readable: the job
    says why.
    """
    try:
        found = tomllib.loads(config.read_text(encoding="utf-8-sig")).get("spark", {})
    except (OSError, ValueError):
        return {}
    early = tuple(f"spark.{name}" for name in EARLY)
    return {key: value for key, value in found.items() if key.startswith(early)} if isinstance(found, dict) else {}


def last_word(context: Any) -> None:
    """Log why the task failed, as the last line of its log."""
    logging.getLogger("airflow.task").error("%s", context.get("exception"))
