"""The first configuration as TOML: what was found, what was not, and what else there is."""

import tomlkit
from tomlkit.items import Item, Table

from jobs.config.first.lines import closed, explained, one_line
from jobs.config.first.names import takes_back, weight_of

ABOUT = (
    "Written by `daybreak init`. Every name on the right is a column of your file, or a Spark SQL expression over its",
    "columns. A line that begins with # is a key for which no column was found, or a setting at its default.",
)
SETTINGS = {
    "quality": "max_bad_share = 0.01        # the night stops when a larger share of the rows is bad",
    "users": "active_days = 90            # users with an event in so many days get a list",
    "topk": 'bought = "include"          # what a user bought: "include", "exclude", or "separate" (a buy-again list)',
}
"""Of each section, a setting at its default."""
SEARCHES = (
    "What people type into the search box teaches it: spelling, synonyms, which items answer. Where the shop keeps it,",
    "name the columns, and take the # away (jobs/stages/ingest/README.md, the query log):",
    "[[searches]]",
    'files = "searches.csv"',
    'query = "query"              # the words',
    'time = "time"',
    'user_id = "user"             # null for a guest',
    'item_id = "clicked"          # null where nothing was clicked',
    'results = "results"          # how many there were',
)


def document(
    shop: str, items: Table, events: list[Table], incomplete: list[tuple[str, Table]], weights: dict[str, float | None]
) -> str:
    """The configuration.

    incomplete: tables of events that lack something, with what it is; they stand there as comments. weights: of each
    type; None where its name does not tell.
    """
    made = tomlkit.document()
    for line in ABOUT:
        made.add(tomlkit.comment(line))
    made.add(tomlkit.nl())
    head = tomlkit.table().add("name", shop)
    work = 'work = "work"              # where runs and models are written'
    made.add("shop", closed(head, work, 'releases = "releases"'))
    made.add("items", items)
    tables = tomlkit.aot()
    for table in events:
        tables.append(table)
    made.add("events", tables)
    for lacking, table in incomplete:
        made.add(tomlkit.comment(f"These files lack {lacking}. Name it, and take the # away:"))
        text = tomlkit.dumps({"events": [table]}).strip()
        for line in text.splitlines():
            made.add(tomlkit.comment(one_line(line)))
        made.add(tomlkit.nl())
    made.add("weights", _weights(weights))
    for section, setting in SETTINGS.items():
        made.add(section, closed(tomlkit.table(), setting))
    for line in SEARCHES:
        made.add(tomlkit.comment(line))
    return tomlkit.dumps(made).rstrip("\n") + "\n"


def example_items() -> Table:
    """A table of items where none was found; it loads, and the night says that its file is missing."""
    table = tomlkit.table()
    for key, value, note in (
        ("files", "products.csv", "no file of items was found: name yours"),
        ("item_id", "item_id", "the column with the item's id, as the events name it"),
        ("title", "title", None),
    ):
        table.add(key, explained(value, note))
    rest = ("description", "category", "brand", "price", "image", "in_stock")
    return closed(table, *(f"{key} =" for key in rest))


def example_events() -> Table:
    """A table of events where none was found."""
    table = tomlkit.table()
    for key, value, note in (
        ("files", "events.csv", "no file of events was found: name yours"),
        ("user_id", "user_id", "who it was"),
        ("item_id", "item_id", "which item it was"),
        ("type", "'purchase'", "a column with the type, or one type for all rows in single quotes"),
        ("time", "time", "when it was"),
    ):
        table.add(key, explained(value, note))
    rest = ('time_format = "d.M.yyyy H:mm"', "value =", "price =", "order =", 'guests = "basket"')
    return closed(table, *rest)


def _weights(weights: dict[str, float | None]) -> Table:
    table = tomlkit.table()
    table.add(tomlkit.comment("How much an event of each type counts. An event of another type goes to quarantine."))
    for kind in sorted(weights):
        table.add(tomlkit.key(kind), _weight(weights[kind]))
    return closed(table)


def _weight(weight: float | None) -> Item:
    return tomlkit.item(weight) if weight is not None else explained(1.0, "a guess: what is it worth?")


def weights_of(types: list[str]) -> dict[str, float | None]:
    """The weights of types by their names, without those that take something back."""
    found = {kind: weight_of(kind) for kind in types if not takes_back(kind)}
    return found or {"purchase": 1.0}
