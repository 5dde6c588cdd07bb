"""What the command line makes of its words, without running anything: for the tests of commands that documents name."""

import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

import typer
from typer.main import get_command

from jobs.cli.main import app


class Understood(NamedTuple):
    """A command line that Daybreak understands."""

    command: str
    options: dict[str, Any]
    """By the name of the parameter of the command's function, its value read."""


def command_names() -> list[str]:
    """Every command of `daybreak`, in the order of its help."""
    return list(get_command(app).commands)


def understood(words: str | Sequence[str]) -> Understood:
    """What a command line means. words: those after `daybreak`, as a list or as a shell reads them.

    Raises typer.TyperException, with the message that a person gets, when it is not understood.
    """
    group = get_command(app)
    context = typer.Context(group, info_name="daybreak")
    name, command, rest = group.resolve_command(context, shlex.split(words) if isinstance(words, str) else list(words))
    return Understood(name, command.make_context(name, rest, parent=context).params)
