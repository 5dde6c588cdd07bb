"""The command `daybreak patch`: patches from a file or standard input into the log, for as long as they come."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, load
from jobs.cli.output import escaped, said
from jobs.cli.shop.known import Known, known
from jobs.cli.shop.patch_lines import BATCH, Line, batches, read_lines
from jobs.config.password import has_password, with_password
from jobs.errors import ConfigError
from jobs.infra.logging import Progress, log_line
from lookup.errors import LogError, PatchError
from lookup.patches.patch import Patch
from lookup.patches.patch_log import FILE, PatchLog, open_log

TOLD = 100
"""The most wrong lines that are reported one by one."""
EVERY_SECONDS = 5.0
MOST_PAUSE = 0.05
"""The longest pause, in seconds, after a full batch. A pause lasts as long as its batch took."""
KB = 1000


def patch(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Patches; - is standard input.")] = "-",
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    releases: Annotated[
        Path | None, typer.Option("--releases", metavar="DIR", help="The folder of releases, instead of --config.")
    ] = None,
    log: Annotated[
        str | None,
        typer.Option("--log", metavar="URL", help="The log: a file, or redis://host:port/db; instead of --config."),
    ] = None,
    password_env: Annotated[
        str | None,
        typer.Option("--password-env", metavar="NAME", help="The environment variable with the password of --log."),
    ] = None,
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="Who states a patch, where its line does not say.")
    ] = "patch",
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE", help="Write wrong lines there, as they are.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME …", help="Declared features that the release does not know yet."),
    ] = None,
) -> int:
    """Patch what is served: prices, stock, new items, events, forgotten users.

    FILE has one patch a line as JSON, or is CSV with a header. Without FILE the command reads standard input, and each
    line is in the log some 50 ms after it came. An empty cell of CSV states nothing; null states "unknown". The names
    of a category path are separated as the configuration says, else by >. A field that nobody reads is refused.

      {"item_id": "A1", "price": 9.5, "in_stock": true, "until": "2026-11-23"}
      {"user_id": "900", "item_id": "A1", "type": "purchase", "at": 1795341600}
      {"forget": "900"}

      item_id,price,in_stock
      A1,9.50,true

    `at` is the time since when the patch holds, in ISO 8601 or seconds since 1970; without it, now. Of two patches of
    one field the one with the later `at` wins, whichever came first. The command reports a wrong line and goes on; its
    exit code is then 1.

    Examples:

      daybreak patch stock.csv --source erp
      tail -F changes.jsonl | daybreak patch
    """
    if log is not None and releases is not None:
        raise ConfigError("--log and --releases both say where the log is: give one")
    if releases is not None or log is not None:
        where = releases / FILE if releases is not None else _address(log or "", password_env)
        return _append(file, open_log(where), source, rejected, known(releases, field or ()))
    shop = load(config)
    declared = [*(field or ()), *shop.items.features]
    return _append(
        file, open_log(shop.patches), source, rejected, known(shop.releases, declared, shop.items.category_separator)
    )


def _address(log: str, password_env: str | None) -> str:
    """The log that `--log` names, with the password that `--password-env` names."""
    if has_password(log):
        raise ConfigError(
            "--log: everybody on this machine can read a password in the list of processes; leave it out there, and "
            "name the environment variable that holds it: --password-env NAME"
        )
    return log if password_env is None else with_password(log, password_env, None)


def _append(file: str, log: PatchLog, source: str, rejected: Path | None, shop: Known) -> int:
    """Append every patch of the input; returns the exit code.

    Raises LogError when the log fails, and ConfigError where the input is no file of patches.
    """
    name = "standard input" if file == "-" else file
    kept = wrong = last = 0
    with ExitStack() as stack:
        lines = _open(file, stack)
        written = stack.enter_context(_writer(rejected)) if rejected else None
        report = _reporter(lines)
        try:
            for batch in batches(read_lines(lines, source, shop)):
                good = [line.patch for line in batch if isinstance(line.patch, Patch)]
                began = time.monotonic()
                try:
                    position = log.append(good)
                except LogError as error:
                    raise LogError(f"{error} ({name}: the patches up to line {last} were kept)") from error
                kept, last = kept + len(good), batch[-1].number
                shop.note(good)
                for line in batch:
                    if isinstance(line.patch, PatchError):
                        wrong += 1
                        _tell(name, line, wrong, written)
                report(patches=kept, rejected=wrong, line=last, position=position)
                if len(batch) == BATCH:  # more wait: between two batches the shop's own patches have their turn
                    time.sleep(min(time.monotonic() - began, MOST_PAUSE))
            code = int(wrong > 0)
        except KeyboardInterrupt:
            code = 130
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
    del report  # and its bar
    to_come = shop.to_come(log)
    of_them = f" (kept for items to come: {to_come})" if to_come else ""
    counts = f"{_several(kept, 'patch', 'patches')} kept{of_them}, {_several(wrong, 'line', 'lines')} rejected"
    print(escaped(f"{counts}, up to line {last}; {log.where} is at position {log.position()}"))
    return code


def _reporter(file: BinaryIO) -> Callable[..., None]:
    """A function that reports how far the input is, with facts.

    A file has a known size, so it gets a bar on a terminal and log lines elsewhere (`Progress`). A pipe gets a log line
    every few seconds.
    """
    size = os.fstat(file.fileno()).st_size if file is not sys.stdin.buffer else 0
    if size:
        progress = Progress("patch", "kept", size // KB, EVERY_SECONDS)
        return lambda **facts: progress.at(min(file.tell(), size) // KB, **facts)
    logged = time.monotonic()

    def report(**facts: int) -> None:
        nonlocal logged
        if time.monotonic() - logged >= EVERY_SECONDS:
            logged = time.monotonic()
            log_line("patch", "kept", **facts)

    return report


def _several(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _tell(name: str, line: Line, wrong: int, rejected: TextIO | None) -> None:
    if wrong <= TOLD:
        print(said(f"{name}:{line.number}: {escaped(line.patch)}"), file=sys.stderr)
    if wrong == TOLD:
        print("daybreak: further wrong lines are only counted; --rejected FILE keeps them", file=sys.stderr)
    if rejected is not None:
        rejected.write(line.text + "\n")
        rejected.flush()


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        raise ConfigError(
            f"{name}: {error.strerror}; a file of patches was expected, or - for standard input"
        ) from None


def _writer(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ConfigError(f"--rejected {path}: {error.strerror}") from None
