"""The command `daybreak publish`."""

from typing import Annotated

import typer

from jobs.cli.night.options import OverrideBy, Reason, override_of
from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, load


def publish(
    id: Annotated[str, typer.Argument(metavar="ID", help="Which release; `daybreak releases` lists them.")],
    config: ConfigFile = DEFAULT_CONFIG,
    override: OverrideBy = None,
    reason: Reason = None,
) -> None:
    """Check every byte of a release, and serve it from now on.

    Where `[shop]` names a `store`, the release is uploaded there first.

    A release that `validate` holds, or has not checked, needs the name of a person who wants it all the same.
    """
    from jobs.releases.announce import announce

    settings = load(config)
    announce(settings.releases, id, override_of(override, reason), settings.file, store=settings.shop.store)
    print(f"serving {id}")
