"""The command `daybreak releases`."""

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, load
from jobs.cli.output import TextTable, show, show_json


def releases(config: ConfigFile = DEFAULT_CONFIG, json: Json = False) -> None:
    """List the releases, newest first, and mark the one that is served.

    A release that cannot be served says what is damaged; one that `validate` holds says why.
    """
    from jobs.releases.announce import releases as found_in

    folder = load(config).releases
    rows = found_in(folder)
    if json:
        show_json(
            {
                "release": row.id,
                "current": row.current,
                "date": row.date or None,
                "items": row.items,
                "users": row.users,
                "problem": row.problem,
                "held": row.held,
                "override": row.override,
            }
            for row in rows
        )
    elif not rows:
        print(f"no release in {folder} yet: `daybreak run` makes one")
    else:
        told = any(row.state for row in rows)
        cells = [
            ["*" if row.current else "", row.id, row.date, f"{row.items:,}", f"{row.users:,}"]
            + ([row.state] if told else [])
            for row in rows
        ]
        columns = ["", "release", "night of", "items", "users"] + (["state"] if told else [])
        show(TextTable(columns, cells, right=("items", "users")), map(str, rows))
