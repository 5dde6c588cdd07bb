"""What can go wrong in the night; the command line turns each into one readable message and an exit code."""

from lookup.errors import DaybreakError


class ConfigError(DaybreakError):
    """The configuration, or a file that it names, is not as expected."""


class DataError(DaybreakError):
    """The shop's data are too bad to publish anything from them."""


class MissingStepError(DaybreakError):
    """A job was started before the job whose tables it reads."""


class ValidationError(DaybreakError):
    """The release that was built did not pass its validation."""
