"""What a check of a release finds, and what follows from it."""

from enum import StrEnum
from typing import NamedTuple


class FindingKind(StrEnum):
    """What follows when a check is not ok."""

    FAULT = "fault"
    """The release itself is broken. The gate holds it, and nobody can override that."""
    FAILURE = "failure"
    """The release is sound, but fails a limit or loses against the incumbent. The gate holds it unless a person
    overrides."""
    WARNING = "warning"
    """The log and the report tell it. The release is published all the same."""


class Finding(NamedTuple):
    """What one check found."""

    name: str
    ok: bool
    found: str
    expected: str
    kind: FindingKind = FindingKind.FAULT

    @property
    def holds(self) -> bool:
        """Whether the release must not be published because of it."""
        return not self.ok and self.kind != FindingKind.WARNING
