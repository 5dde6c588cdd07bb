"""The command `daybreak patches`."""

from contextlib import closing
from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, load
from jobs.cli.output import escaped
from jobs.errors import ConfigError
from lookup.patches.patch import encode
from lookup.patches.patch_log import open_log


def patches(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    remove_ahead: Annotated[
        bool, typer.Option("--remove-ahead", help="Remove the patches of a time that has not come yet.")
    ] = False,
    trust_clock: Annotated[
        bool, typer.Option("--trust-clock", help="This machine's clock is right, though nobody wrote for months.")
    ] = False,
) -> None:
    """Show the patches of a time that has not come yet: the clock of whoever wrote them was wrong.

    They count for nothing until then: no price of theirs holds, no other patch gives way to them, and no night takes
    them. The command prints them as lines that `daybreak patch` reads. With --remove-ahead it removes them; users whose
    forgetting is among them stay forgotten.

    A log in SQLite takes no patch that is months later than the one before, because the clock may be wrong. Where it
    is right, and nobody wrote for so long, say so with --trust-clock.

    Example: daybreak patches --remove-ahead
    """
    if remove_ahead and trust_clock:
        raise ConfigError("--remove-ahead and --trust-clock are two things: give one of them")
    with closing(open_log(load(config).patches)) as log:
        ahead = log.ahead()
        for one in ahead:
            print(escaped(encode(one)))
        what = f"patches of a time that has not come yet: {len(ahead)}"
        if remove_ahead:
            what = f"patches of a time that has not come yet removed: {log.remove_ahead()}"
        elif trust_clock:
            log.trust_clock()
            what += "; the clock of this machine is taken for right from now on"
        print(f"{log.where} is at position {log.position()}; {what}")
