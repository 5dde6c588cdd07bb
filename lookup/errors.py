"""What can go wrong when a release is read: every message names the file or the key, and what to do."""


class DaybreakError(Exception):
    """The base of every error that Daybreak raises for a mistake or a fault it can name."""


class ReleaseError(DaybreakError):
    """A release is missing, damaged, incomplete, of another schema version, or mixes spaces."""
