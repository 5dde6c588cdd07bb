"""The command `daybreak`."""

from jobs.cli.main import main

__all__ = ["main"]
