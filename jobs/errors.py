"""What can go wrong in the night; the command line turns each into one readable message and its exit code."""

from lookup.errors import DaybreakError


class ConfigError(DaybreakError):
    """The configuration, or a file that it names, is not as expected."""

    exit_code = 2


class DataError(DaybreakError):
    """The shop's data are too bad to publish anything from them."""

    exit_code = 3


class ValidationError(DaybreakError):
    """The release that was built did not pass its validation."""

    exit_code = 4


class MissingStepError(DaybreakError):
    """A job was started before the job whose tables it reads."""

    exit_code = 5
