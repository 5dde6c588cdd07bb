"""The errors of the night. The command line turns each into one readable message and its exit code."""

from lookup.errors import DaybreakError


class ConfigError(DaybreakError):
    """The configuration, or a file that it names, is wrong."""

    exit_code = 2


class DataError(DaybreakError):
    """The shop's data are too bad for a release."""

    exit_code = 3


class ValidationError(DaybreakError):
    """The release of the night did not pass its validation, or is older than the one that serves."""

    exit_code = 4


class MissingStepError(DaybreakError):
    """A job runs before the job whose tables it reads."""

    exit_code = 5


class RunLockedError(DaybreakError):
    """Another command writes into the same run."""

    exit_code = 6


class SparkError(DaybreakError):
    """Spark did not start, ended, or got nothing from the cluster to run on; another try may succeed."""

    exit_code = 7
