"""The one statement of the tables of a run: Spark schemas and checks derive from it.

Each table is a folder of Parquet files under `runs/<date>/`. `item` is an item's row, 0 … I-1, in the order of the
array `item_hash` of `lookup.release.schema`; `user` is likewise a user's row among the active users. Arrays of a run
stand in `jobs.infra.vector_store`.
"""

from dataclasses import dataclass

from lookup.item_fields import STORED, Kind

GUEST_PREFIX = " guest "
"""Begins the `user_id` of a guest, before the number of the order. No other id begins with a space, for ids are
trimmed."""


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
    sorted_by: str | None = None
    """Each file holds a span of this column: who reads a part of the table passes over the other files."""

    @property
    def ddl(self) -> str:
        """The Spark schema as DDL."""
        return ", ".join(f"{f.name} {f.type}" for f in self.fields)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [f.name for f in self.fields]


SPARK_TYPES: dict[Kind, str] = {
    "text": "string",
    "number": "double",
    "switch": "boolean",
    "path": "array<string>",
    "id": "string",
}
"""The column type of each kind of item field."""

ITEMS = RunTable(
    "items",
    ("item",),
    (
        Field("item", "int", "row of the item"),
        Field("item_id", "string"),
        *(Field(field.name, SPARK_TYPES[field.kind], field.doc) for field in STORED),
        Field("features", "map<string, string>", "known values of declared features, as text; kinds: features.json"),
        Field("text", "string", "what models read of it (`lookup.item_fields.text_of`); may be empty"),
        Field("events", "bigint", "events before the night; 0 where none"),
    ),
)
"""`category` is never null, and may be empty. `price` is that of the item file, else that of the item's last event,
else null. `in_stock` is never null: true where the shop does not say."""

EVENTS = RunTable(
    "events",
    ("user_id", "item", "type", "time"),
    (
        Field("user_id", "string", "a guest's begins with GUEST_PREFIX"),
        Field("item", "int", "row of the item"),
        Field("type", "string", "one of the configured event types"),
        Field("time", "timestamp", "UTC"),
        Field("weight", "float", "of the event's type, from the configuration"),
        Field("value", "double", "quantity, rating or whatever the shop counts; null where unknown"),
        Field("price", "double", "of one piece, as paid; null where unknown"),
        Field("discount", "double", "taken off one piece; null where unknown"),
        Field("query", "string", "the search words before the event; null where there were none"),
        Field("day", "date", "of `time`, UTC"),
    ),
    sorted_by="day",
)

SHOWN = RunTable(
    "shown",
    ("item", "user_id", "place", "time"),
    (
        Field("item", "int", "row of the item"),
        Field("user_id", "string", "who saw it; null where a place showed it to every visitor"),
        Field("place", "string", "where it was shown; null where `user_id` is given"),
        Field("time", "timestamp", "UTC; of a place: the start"),
        Field("until", "timestamp", "of a place: the end; else null"),
        Field("kind", "string", "how it was shown"),
        Field("price", "double", "the price shown; null where unknown"),
        Field("in_stock", "boolean", "null where unknown"),
    ),
)
"""The impressions of the last `ranker.days`."""

VISITS = RunTable(
    "visits",
    ("user_id", "day"),
    (
        Field("user_id", "string"),
        Field("place", "string", "of the user's first visit of the day"),
        Field("time", "timestamp", "of that visit, UTC"),
        Field("day", "date", "of `time`, UTC"),
    ),
)
"""Which users saw what the places showed; empty where impressions name users."""

SEARCHES = RunTable(
    "searches",
    ("search_id", "item", "time"),
    (
        Field("search_id", "string", "of the shop, or what stands for user, words and time; rows with it are a search"),
        Field("query", "string", "the words as typed, without control characters; never empty"),
        Field("user_id", "string", "null for a guest; with `session`, a guest's begins with GUEST_PREFIX"),
        Field("time", "timestamp", "UTC"),
        Field("item", "int", "row of the item clicked, bought or shown; null where the row is the search alone"),
        Field("clicked", "boolean", "whether the item was; true where it was bought"),
        Field("bought", "boolean"),
        Field("position", "int", "of the item among the results, from 1; null where unknown"),
        Field("results", "bigint", "how many there were; null where unknown"),
    ),
)
"""The query log of the last `search.days`; empty where the shop has none. `jobs.models.query_log` reads it."""

QUARANTINE = RunTable(
    "quarantine",
    ("file", "row"),
    (
        Field("source", "string", "items, events, impressions, visits, searches or patches"),
        Field("file", "string", "the file, or the patch log"),
        Field(
            "row",
            "bigint",
            "of the record in that file, from 1 after the header; of a patch its position in the log",
        ),
        Field("reason", "string"),
        Field("record", "string", "the record as JSON; a line that is not readable as it stands"),
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
"""What `train` learns from; `train` removes it when it ends."""

TEXT_VECTORS = RunTable(
    "text_vectors",
    ("text",),
    (
        Field("text", "string", "a text of one or more items"),
        Field("items", "bigint", "how many items have this text"),
        Field("vector", "array<float>", "of the text model, of length 1"),
        Field("device", "string", "the torch device that computed it, in this night or an earlier one"),
        Field("gpu", "string", "address of the GPU that Spark lent to the task; null where none"),
    ),
)

PICTURES = RunTable(
    "pictures",
    ("picture",),
    (
        Field("picture", "string", "`image` of the items that show it: sha256: and the digest of its bytes"),
        Field("bytes", "binary", "null where there are more than images.max_bytes"),
    ),
)
"""Pictures that stand in the shop's files themselves; empty where these hold addresses."""
FETCHED = RunTable(
    "fetched",
    ("image",),
    (
        Field("image", "string", "the address of one or more items"),
        Field("items", "bigint", "how many items have it"),
        Field("sha256", "string", "of its bytes, hexadecimal; null where there are none"),
        Field("bytes", "binary", "null likewise"),
        Field("reason", "string", "why there are none; else null"),
    ),
)
"""What `embed_items` fetched; it removes the table when it ends."""
LOOK_VECTORS = RunTable(
    "look_vectors",
    ("image",),
    (
        Field("image", "string", "the address of one or more items"),
        Field("items", "bigint", "how many items have it"),
        Field("sha256", "string", "of its bytes: equal pictures are embedded once; null where there are none"),
        Field("vector", "array<float>", "of the vision model, of length 1; null where there is no picture"),
        Field("reason", "string", "why there is none; else null"),
        Field("device", "string", "the torch device that computed it"),
        Field("gpu", "string", "as in `text_vectors`"),
    ),
)
PICTURE_QUARANTINE = RunTable("picture_quarantine", QUARANTINE.key, QUARANTINE.fields)
"""Items whose pictures cannot be used: source "images", the address as file, the row of the item as row."""

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
        Field("events", "bigint", "in the history that makes the vector"),
        Field("last_event", "timestamp", "UTC"),
        Field("vector", "array<float>", "u, D numbers"),
        Field("bought", "array<int>", "different items of the whole history, ascending; for exclusion and buy again"),
        Field("history", "array<int>", "different items of the history that makes the vector, ascending"),
        Field(
            "shares",
            "array<float>",
            "weight of each one's transitions (`lookup.scoring.score_parameters`, n_j), summed over its events",
        ),
        Field(
            "repeats",
            "array<float>",
            "weight of each one's repeats (`lookup.scoring.score_parameters`, m_rj), summed over its events",
        ),
        Field("items", "array<int>", "the item of each event that makes the vector, the newest last"),
        Field("days", "array<int>", "the day of each, since 1970, UTC; the day before the night has age 1"),
        Field("weights", "array<float>", "the weight of each"),
    ),
)


def _lists(name: str, key: Field) -> RunTable:
    return RunTable(
        name,
        (key.name,),
        (
            key,
            Field("items", "array<int>", "item rows, best first"),
            Field("scores", "array<float>", "descending; same length"),
        ),
    )


USER_UNSEEN = _lists("user_unseen", Field("user", "int"))
USER_TOPK = _lists("user_topk", Field("user", "int"))
USER_BECAUSE = RunTable(
    "user_because",
    ("user",),
    (
        Field("user", "int"),
        Field("items", "array<int>", "for each first place of the user's list: the row of the item of the history"),
        Field(
            "scores",
            "array<float>",
            "and how much that item gives to the score, more than any other; its own repeat counts too; any sign",
        ),
    ),
)
USER_AGAIN = _lists("user_again", Field("user", "int"))
ITEM_TOPK = _lists("item_topk", Field("item", "int"))
POPULAR = _lists("popular", Field("category", "string", "a category's name, or '' for the whole shop"))
POPULARITY = RunTable(
    "popularity",
    ("item",),
    (Field("item", "int"), Field("score", "float", "orders the popular lists; above 0")),
)

IMPRESSIONS = RunTable(
    "impressions",
    ("user_id", "item", "time"),
    (
        Field("user_id", "string"),
        Field("item", "int"),
        Field("time", "timestamp", "of the impression, UTC"),
        Field("kind", "string", "how it was shown"),
        Field("clicked", "boolean", "see `ranker.engagement`; true where converted"),
        Field("converted", "boolean", "bought within the window"),
        Field("weight", "float", "how many impressions this one stands for"),
        Field("features", "array<float>", "at that point in time, in the order of `lookup.scoring.features.NAMES`"),
    ),
)
"""A sample of all impressions, from which the ranker learns."""

EVALUATION = RunTable(
    "evaluation",
    ("user_id", "method", "slice"),
    (
        Field("user_id", "string", "at most `validate.sample_users` different ones"),
        Field(
            "method",
            "string",
            '"daybreak": the challenger; "in place": the incumbent, on the same users and held-out days, with its own '
            'vectors; or a baseline: "popular", "own purchases", "own purchases, half-life 90 days"',
        ),
        Field(
            "slice",
            "string",
            '"all", or the wanted items or users that the row is limited to: "new items", "long tail", "never had" '
            '(items that this user never bought); "light users", "heavy users"',
        ),
        Field("recall", "double", "Recall@20 of that user"),
        Field("ndcg", "double", "NDCG@20 of that user"),
    ),
)
"""What `evaluate` measures, one row for each user, method and slice; `validate` compares challenger and incumbent by
it."""
CHALLENGER, INCUMBENT = "daybreak", "in place"
"""The values of `method` for the two releases, here and in the catalog's `metrics`. People's queries filter by them."""

MODEL_ITEMS = RunTable(
    "items",
    ("item_id",),
    (
        Field("item_id", "string"),
        Field("input", "array<float>", "x of the behaviour model"),
        Field("output", "array<float>", "y of the behaviour model"),
        Field("bias", "float", "of the item, in logits"),
        Field("events", "bigint", "of the item that the model was trained on"),
    ),
)
"""The items of a model, `<work>/models/<model id>/items/`, without those that have no training event."""
MODEL_LABELS = RunTable(
    "labels",
    ("label",),
    (
        Field("label", "string", "such as 'brand=Acme' (`jobs.models.attributes`)"),
        Field("vector", "array<float>", "one part for each head"),
    ),
)
"""The labels of a model, `<work>/models/<model id>/labels/`."""

RUN_TABLE_OF = {"because": "user_because"}
"""The run's table behind a table of the catalog, where the names differ."""
