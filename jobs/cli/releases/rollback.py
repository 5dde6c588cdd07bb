"""The command `daybreak rollback`."""

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, load


def rollback(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Serve the release again that was served before this one; it is verified first.

    Run it again to go back one more release. Where `[shop]` names a `store`, hosts that follow it go back, too.
    """
    from jobs.releases.announce import rollback as roll_back

    settings = load(config)
    print(f"serving {roll_back(settings.releases, settings.file, settings.shop.store)}")
