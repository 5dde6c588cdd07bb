"""The facts that a model on disk says of itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.errors import MissingStepError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read the facts of a model. Raises MissingStepError, which says what to do, where they are damaged."""
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MissingStepError(
            f"{path}: what this model says of itself cannot be read ({type(error).__name__}: {error}): remove the "
            "folder, and run the night again"
        ) from None
