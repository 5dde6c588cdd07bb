"""Errors of `lookup`. Every message names the file or the key, and what to do."""


class DaybreakError(Exception):
    """The base of every error that Daybreak raises for a mistake or a fault that it can name."""


class ReleaseError(DaybreakError):
    """A release is missing, damaged, incomplete, of a schema version that cannot be read, or mixes spaces."""


class VersionError(ReleaseError):
    """A release may be whole, but its schema version is too new or too old for this Daybreak."""


class ShardError(DaybreakError, LookupError):
    """A user is on a shard that this host does not serve. The message names the shard."""


class PatchError(DaybreakError, ValueError):
    """A patch makes no sense; the log did not keep it."""


class LogError(DaybreakError):
    """The patch log is damaged, of another version, out of reach or not writable. It kept all of a call or nothing."""


class StoreError(DaybreakError):
    """An object store cannot be reached or refuses, or what it holds is damaged. No message holds a credential."""


class ConditionError(DaybreakError, ValueError):
    """A condition on items makes no sense: its bound is no number, or its feature is not declared."""
