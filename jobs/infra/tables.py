"""The one statement of the tables inside a run: Spark schemas and checks derive from it.

Every table is a folder of Parquet files under `runs/<date>/`. `item` is an item's row (0 … I-1) in the order of
`lookup.release.schema`'s `item_hash`, `user` likewise a user's row among the active users.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A column: its Spark type (DDL) and what it means."""

    name: str
    type: str
    doc: str = ""


@dataclass(frozen=True)
class RunTable:
    """A table of a run."""

    name: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    partition: str | None = None

    @property
    def ddl(self) -> str:
        """The Spark schema as DDL."""
        return ", ".join(f"{f.name} {f.type}" for f in self.fields)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [f.name for f in self.fields]


ITEMS = RunTable(
    "items",
    ("item",),
    (
        Field("item", "int", "row of the item"),
        Field("item_id", "string"),
        Field("title", "string"),
        Field("description", "string"),
        Field("category", "array<string>", "path, from the widest to the narrowest; never null, may be empty"),
        Field("brand", "string"),
        Field("price", "double", "from the item file, else the price of its last event; null where unknown"),
        Field("image", "string"),
        Field("in_stock", "boolean", "never null; true where the shop does not say"),
        Field("features", "map<string, string>", "what `items.features` declares and is known; kinds: features.json"),
        Field("text", "string", "what the text model reads: title, brand, category path, description"),
        Field("events", "bigint", "events before the night; 0 where none"),
    ),
)

EVENTS = RunTable(
    "events",
    ("user_id", "item", "type", "time"),
    (
        Field("user_id", "string"),
        Field("item", "int", "row of the item"),
        Field("type", "string", "one of the configured event types"),
        Field("time", "timestamp", "UTC"),
        Field("weight", "float", "of the event's type, from the configuration"),
        Field("value", "double", "quantity, rating or whatever the shop counts; null where unknown"),
        Field("price", "double", "of one piece, as paid; null where unknown"),
        Field("discount", "double", "taken off one piece; null where unknown"),
        Field("query", "string", "what was typed before; null where nothing was"),
        Field("day", "date", "of `time`, UTC; the partition"),
    ),
    partition="day",
)

SHOWN = RunTable(
    "shown",
    ("item", "user_id", "place", "time"),
    (
        Field("item", "int", "row of the item"),
        Field("user_id", "string", "who was shown it; null where a place showed it to all who came by"),
        Field("place", "string", "where; null where `user_id` is given"),
        Field("time", "timestamp", "UTC; of a place: from when on"),
        Field("until", "timestamp", "of a place: until then; else null"),
        Field("kind", "string", "how it was shown"),
        Field("price", "double", "at which it was shown; null where unknown"),
        Field("in_stock", "boolean", "null where unknown"),
    ),
)
"""What was shown in the last `ranker.days`."""

VISITS = RunTable(
    "visits",
    ("user_id", "day"),
    (
        Field("user_id", "string"),
        Field("place", "string", "where the user's first visit of the day was"),
        Field("time", "timestamp", "of that visit, UTC"),
        Field("day", "date", "of `time`, UTC"),
    ),
)
"""Who saw what the places showed; empty where impressions name users."""

QUARANTINE = RunTable(
    "quarantine",
    ("file", "row"),
    (
        Field("source", "string", "items, events, impressions, visits or patches"),
        Field("file", "string", "or the log of patches"),
        Field("row", "bigint", "record in that file, from 1, a header not counted; of patches the position"),
        Field("reason", "string"),
        Field("record", "string", "the record as it was read, JSON; a line that could not be read as it stands"),
    ),
)

SEQUENCES = RunTable(
    "sequences",
    ("user_id",),
    (
        Field("user_id", "string"),
        Field("items", "array<int>", "item rows in order of time"),
        Field("days", "array<int>", "days since 1970, UTC"),
        Field("weights", "array<float>"),
    ),
)
"""What `train` learns from; gone when it ends."""

TEXT_VECTORS = RunTable(
    "text_vectors",
    ("text",),
    (
        Field("text", "string", "a text of one or more items"),
        Field("items", "bigint", "how many items have it"),
        Field("vector", "array<float>", "of the text model, of length 1"),
        Field("device", "string", "the torch device that computed it"),
        Field("gpu", "string", "address of the GPU that Spark lent for it; null where none"),
    ),
)

ITEM_VECTORS = RunTable(
    "item_vectors",
    ("item",),
    (
        Field("item", "int"),
        Field("input", "array<float>", "x, D numbers"),
        Field("vector", "array<float>", "v, D numbers"),
    ),
)

USER_VECTORS = RunTable(
    "user_vectors",
    ("user",),
    (
        Field("user", "int", "row of the user"),
        Field("user_id", "string"),
        Field("events", "bigint", "in the history that made the vector"),
        Field("last_event", "timestamp", "UTC"),
        Field("vector", "array<float>", "u, D numbers"),
        Field("bought", "array<int>", "different items of the whole history, rising; for exclusion and buy again"),
        Field("history", "array<int>", "different items of the history that made the vector, rising"),
        Field(
            "shares",
            "array<float>",
            "how much the transitions from each count (`lookup.scoring.score_parameters`, n_j), summed",
        ),
        Field(
            "repeats",
            "array<float>",
            "how much the repeats of each count (`lookup.scoring.score_parameters`, m_rj), summed",
        ),
        Field("items", "array<int>", "the item of every event that made the vector, the newest last; with"),
        Field("days", "array<int>", "its day, since 1970, UTC; the day before the night has age 1"),
        Field("weights", "array<float>", "and its weight"),
    ),
)


def _lists(name: str, key: Field) -> RunTable:
    return RunTable(
        name,
        (key.name,),
        (
            key,
            Field("items", "array<int>", "item rows, best first"),
            Field("scores", "array<float>", "falling; same length"),
        ),
    )


USER_TOPK = _lists("user_topk", Field("user", "int"))
USER_BECAUSE = RunTable(
    "user_because",
    ("user",),
    (
        Field("user", "int"),
        Field("items", "array<int>", "of each of the first places of the user's list the item of the history, by row,"),
        Field(
            "scores",
            "array<float>",
            "that gives most to its score, and how much, with what having had it gains; any sign",
        ),
    ),
)
USER_AGAIN = _lists("user_again", Field("user", "int"))
ITEM_TOPK = _lists("item_topk", Field("item", "int"))
POPULAR = _lists("popular", Field("category", "string", "a category's name, or '' for the whole shop"))
POPULARITY = RunTable(
    "popularity",
    ("item",),
    (Field("item", "int"), Field("score", "float", "what the popular lists are ordered by; more than 0")),
)

IMPRESSIONS = RunTable(
    "impressions",
    ("user_id", "item", "time"),
    (
        Field("user_id", "string"),
        Field("item", "int"),
        Field("time", "timestamp", "when the user was shown the item, UTC"),
        Field("kind", "string", "how"),
        Field("clicked", "boolean", "see `ranker.engagement`; true where converted"),
        Field("converted", "boolean", "bought within the window"),
        Field("weight", "float", "how many impressions it stands for"),
        Field("features", "array<float>", "as they were then, in the order of `lookup.scoring.features.NAMES`"),
    ),
)
"""What the ranker learns from: a sample of all impressions."""

EVALUATION = RunTable(
    "evaluation",
    ("user_id", "method", "slice"),
    (
        Field("user_id", "string", "at most `validate.sample_users` different ones"),
        Field(
            "method",
            "string",
            '"daybreak": the candidate; "in place": the release in place, on the same users and held-out days, with '
            'its own vectors; or a baseline: "popular", "own purchases"',
        ),
        Field(
            "slice",
            "string",
            '"all", or what the row is limited to: wanted items that are "new items", "long tail", "never had" (by '
            'this user); or users that are "light users", "heavy users"',
        ),
        Field("recall", "double", "Recall@20 of that user"),
        Field("ndcg", "double", "NDCG@20 of that user"),
    ),
)
"""What `evaluate` measured, a row a user, method and slice; `validate` compares the release in place by it."""


MODEL_ITEMS = RunTable(
    "items",
    ("item_id",),
    (
        Field("item_id", "string"),
        Field("input", "array<float>", "x of the behaviour model"),
        Field("output", "array<float>", "y of the behaviour model"),
        Field("bias", "float", "of the item, in logits"),
        Field("events", "bigint", "that the model was trained on"),
    ),
)
"""The items of a model, `<work>/models/<model id>/items/`; items without a training event are not in it."""

MODEL_LABELS = RunTable(
    "labels",
    ("label",),
    (
        Field("label", "string", "such as 'brand=Acme' (`jobs.models.attributes`)"),
        Field("vector", "array<float>", "one part a head"),
    ),
)
"""The labels of a model, `<work>/models/<model id>/labels/`."""

RUN_TABLE_OF = {"because": "user_because"}
"""The run's table behind a table of the catalog, where it has another name."""
