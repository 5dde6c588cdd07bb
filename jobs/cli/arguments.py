"""The words of a command line, before typer parses them: list options take several, some flags take true or false."""

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand, TyperGroup

TRUTHS = ("true", "false")


class DaybreakCommand(TyperCommand):
    """A command whose list options take several words, and whose flags with a metavar take true or false.

    `--spare A B` means `--spare A --spare B`. `--full true` means `--full`, and `--full false` means no option at all:
    a scheduler renders its command from a truth and needs both.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """The arguments and options."""
        return _plain_flags(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Rewrite the words, then parse them as usual."""
        lists, truths = set[str](), set[str]()
        for param in self.params:
            if getattr(param, "multiple", False):
                lists.update(param.opts)
            elif getattr(param, "is_flag", False) and param.metavar:
                truths.update(param.opts)
        return super().parse_args(ctx, _truths(_lists(args, lists), truths))


class DaybreakGroup(TyperGroup):
    """All commands. A reader that closes the pipe early, such as `head`, is no error."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of `daybreak` itself."""
        return _plain_flags(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the words name; returns its exit code, or None."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return code


def help_text(command: Callable[..., Any]) -> str:
    """The docstring of a command with each paragraph on one line, so that the help fits any width; examples, which are
    indented, stay as they are.
    """
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(part if part.startswith(" ") else part.replace("\n", " ") for part in paragraphs)


def _plain_flags(params: list[Any]) -> list[Any]:
    """Options of which the help shows no type beside a flag, because a flag takes no value."""
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params


def _lists(words: list[str], options: set[str]) -> list[str]:
    """Name a list option again before each of its words after the first."""
    found: list[str] = []
    option, values = "", 0
    for n, word in enumerate(words):
        if word == "--":
            return found + words[n:]
        if word.startswith("-") and word != "-":
            option, values = (word if word in options else ""), 0
        elif option:
            values += 1
            if values > 1:
                found.append(option)
        found.append(word)
    return found


def _truths(words: list[str], options: set[str]) -> list[str]:
    """Replace a flag and the truth after it, or after an equals sign, by the flag or by nothing."""
    found: list[str] = []
    for word in words:
        name, _, value = word.partition("=")
        if name in options and value.lower() in TRUTHS:
            found += [name] if value.lower() == "true" else []
        elif word.lower() in TRUTHS and found and found[-1] in options:
            found = found if word.lower() == "true" else found[:-1]
        else:
            found.append(word)
    return found
