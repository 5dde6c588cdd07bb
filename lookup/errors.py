"""What can go wrong when a release is read or patched: every message names the file or the key, and what to do."""


class DaybreakError(Exception):
    """The base of every error that Daybreak raises for a mistake or a fault it can name."""


class ReleaseError(DaybreakError):
    """A release is missing, damaged, incomplete, of a schema version that cannot be read, or mixes spaces."""


class VersionError(ReleaseError):
    """A release may be whole, but its schema version is too new or too old for this Daybreak."""


class PatchError(DaybreakError, ValueError):
    """A patch says something that cannot be; it was not kept."""


class LogError(DaybreakError):
    """The log of patches is damaged, of another version, out of reach, or cannot be written; nothing was half kept."""


class ConditionError(DaybreakError, ValueError):
    """A condition on items that cannot be: of something that is no number, or of a feature that nobody declared."""
