"""`lookup/release/FORMAT.md`, made from the code that states the format: `python -m tests.release_format` writes it."""

import ast
import inspect
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from jobs.infra.receipts.used import USED, JobUse
from jobs.releases.receipts import DUCKDB_TYPES, ReceiptHead
from jobs.stages.build.catalog import VIEWS
from lookup.release import manifest, schema
from lookup.release.arrays import FOOTER_BYTES
from lookup.release.catalog_schema import CATALOG, Table
from lookup.release.locks import LOCKED_FILE
from lookup.release.manifest import KEYS, PARTS, FileFact, Manifest
from lookup.release.schema import ARRAYS, FIRST_VERSION, FREE, LETTERS, SCHEMA_VERSION, UNSHARDED_VERSION, Array, Letter
from lookup.scoring.score_parameters import ScoreParameters
from lookup.search.stated import GROUPS

FILE = Path(inspect.getfile(schema)).parent / "FORMAT.md"
COMMAND = "python -m tests.release_format"

INTRODUCTION = """\
# The format of a release

`{command}` writes this file from the code that reads and writes releases. A test fails when it is stale.

A release is an immutable folder. The night builds it, `validate` checks it, `publish` points `CURRENT` at it, and the
readers of `lookup` map its files. All files are open formats: SQL, numpy and Annoy read them without Daybreak.

## The files

```
releases/
  CURRENT                     one line: the id of the release that serves
  HISTORY                     one line for each announcement
  20260102T031500Z-3f9a/      a release, named by its id: UTC time of the build and four random digits
    manifest.json             what the release is, and the size and sha256 of each of its files
    catalog.duckdb            all lists and facts, as tables for SQL
    items.ann                 Annoy index of the item vectors
    arrays/*.npy              memory-mapped arrays, from which calls are answered
    arrays/shard-003/*.npy    those of the users of a shard, in a release with shards
    arrays/search.safetensors the search index, where the release has one
    report.html               what changed, how good the lists are, what the night cost
```

Readers trust `CURRENT` and the manifest, never a directory listing. Names that begin with a dot belong to a build or a
prune that is under way, or that a crash ended.

**`CURRENT`** is replaced by a rename, so a reader sees the old id or the new one. **`HISTORY`** gets a line for each
announcement: UTC time, id, `publish` or `rollback`, and a checksum, with a space between them. A rollback goes to the
release that served before; `HISTORY` tells which that was. The checksum is the first 8 hexadecimal digits of the sha256
of the line before, a line break, and this line up to the checksum. Lines of earlier versions have none. A line that a
crash cut off does not count. Who announces holds an exclusive `flock` on `HISTORY`.

A reader locks `{locked}` of the release it reads, with a shared `flock`, and `daybreak prune` removes no
release with a lock. Every schema version has this file, so an older or a newer Daybreak sees the readers, too.

## Schema versions

This Daybreak writes schema version {unsharded}, and {written} where the users are in shards; it reads {readable}. The
manifest says the version of a release.

A reader expects what the release's own version promises, and no more. An array, a size or a field of the manifest that
came with a later version has a stand-in; the release then answers as its own version did. Where something has no
stand-in (“needed”), no reader opens an older release. The version before today's stays readable, so rolling back, the
gate and pruning work on the night that changes the format. A reader refuses a release of a newer version and names both
versions; one that follows `CURRENT` keeps serving the release it has.

Versions before {first} were drafts.
"""

ARRAYS_TEXT = """\
## Arrays

Each array is an `.npy` file of format version 1.0, little-endian, in C order. A footer of {footer} bytes follows the
data: `\\ndaybreak-space:` and the 16 hexadecimal digits of the space, which must be those of the manifest. `np.load`
does not read it. Rows of items, users, categories, brands, values and labels are in the order of the first 8 bytes of
the sha256 of their ids, which `*_hash` lists.

**Shards.** A manifest with `shards` divides the users into n ranges of that hash. Shard s has the ids for which (first
4 bytes of the sha256, as a big-endian number) × n, shifted right by 32 bits, is s. The arrays whose names begin with
`user_` then lie once in each folder `arrays/shard-000`, `arrays/shard-001` and so on, with that shard's own U and E,
which `shards` lists in order. A row there, and all rows of the shards before it, make the number of the user in the
catalog, which is one for all shards. All other files are as in a release without shards.
[shards/README.md](shards/README.md) says how hosts serve them.

The letters in the shapes; the manifest gives their sizes under `dims`:

"""

SEARCH_TEXT = """\
## The search index

`arrays/search.safetensors` is in the format of safetensors, which names each array with its type and shape; the package
`safetensors` reads it. `__metadata__.daybreak` is JSON: languages, weights of the ranker, compounds and probes.
`lookup/search/stated.py` says what each array means. Which there are:

"""

MANIFEST_TEXT = """\
## The manifest

`manifest.json` is one JSON object. A key with a stand-in may be missing; the others are needed. Its last key, `sha256`,
is the sha256 of the file as it is without that key. Manifests of earlier versions have none.

"""

CATALOG_TEXT = """\
## Tables of the catalog

`catalog.duckdb` is a DuckDB file with comments on its tables and columns. The lists of users and items are views: their
rows are in the schema `stored`, by the numbers of users and items, which are their rows in the arrays. Nothing stands
in for a table or column that came with a later version: SQL on an older release does not find it.

"""

ANNOY_TEXT = """\
## The Annoy index

`items.ann` opens with plain Annoy: metric "angular", D + 1 coordinates, one item for each row of `item_vector`. One
extra coordinate turns inner products into angles (Bachrach et al., RecSys 2014): with M the largest norm of an item
vector (`norm` in the manifest), an item vector v stands there as (v, √(M² − |v|²)), and a user vector u asks as (u, 0).

## Reading a release without Daybreak

```python
import json
import re
from pathlib import Path

import annoy
import duckdb
import numpy as np

releases = Path("releases")
release = releases / (releases / "CURRENT").read_text().strip()
manifest = json.loads((release / "manifest.json").read_text())
item_vector = np.load(release / "arrays/item_vector.npy", mmap_mode="r")
index = annoy.AnnoyIndex(manifest["annoy"]["f"], manifest["annoy"]["metric"])
index.load(str(release / manifest["annoy"]["file"]))
nearest = index.get_nns_by_vector([*item_vector[0], 0.0], 5)
with duckdb.connect(str(release / "catalog.duckdb"), read_only=True) as catalog:
    items = catalog.sql("SELECT item_id, title FROM items LIMIT 5").fetchall()
```
"""


def page() -> str:
    """The whole file."""
    oldest = manifest.oldest_readable()
    introduction = INTRODUCTION.format(
        command=COMMAND,
        locked=LOCKED_FILE,
        written=SCHEMA_VERSION,
        unsharded=UNSHARDED_VERSION,
        readable=f"version {oldest} only" if oldest == SCHEMA_VERSION else f"versions {oldest} to {SCHEMA_VERSION}",
        first=FIRST_VERSION,
    )
    parts = [
        introduction,
        ARRAYS_TEXT.format(footer=FOOTER_BYTES) + letters() + "\n" + arrays(),
        SEARCH_TEXT + search_arrays(),
        MANIFEST_TEXT + manifest_keys(),
        CATALOG_TEXT + "\n".join(map(table_of, CATALOG)) + "\n" + views(),
        ANNOY_TEXT,
    ]
    return "\n".join(parts)


def letters() -> str:
    """The letters of shapes."""
    rows = [(f"`{one.letter}`", one.doc, str(one.since), older(one)) for one in LETTERS]
    rows.append(
        (f"`{FREE}`", "told by the file itself: bytes of text, or numbers of the ranker", str(FIRST_VERSION), "")
    )
    return table(("letter", "size", "since", "in older releases"), rows)


def arrays() -> str:
    """The arrays."""
    rows = [(f"`{a.name}`", a.dtype, " × ".join(a.shape), str(a.since), older(a), a.doc) for a in ARRAYS]
    return table(("array", "type", "shape", "since", "in older releases", "what"), rows)


def older(one: Array | Letter) -> str:
    """What a reader takes for it in a release of an older version."""
    if one.stand_in is None:
        return "needed"
    return f"{one.stand_in:g}"


def manifest_keys() -> str:
    """The keys of the manifest, and below them those of its parts."""
    parts = [keys_of(Manifest)]
    for name, kind in PARTS.items():
        parts.append(f"`{KEYS[name]}` (`{kind.__module__}.{kind.__name__}`):\n\n{keys_of(kind)}")
    return "\n".join([*parts, f"Each of `files`:\n\n{keys_of(FileFact)}"])


def keys_of(kind: Any) -> str:
    """The fields of a dataclass as keys in JSON, with their docstrings."""
    return table(("key", "type", "since", "in older releases", "what"), rows_of(kind))


def rows_of(kind: Any) -> list[Sequence[str]]:
    """The rows of that table."""
    docs, rows = docs_of(kind), []
    for one in fields(kind):
        since = one.metadata.get("since", FIRST_VERSION)
        stand_in = "needed" if one.default is MISSING else json.dumps(one.default)
        annotation, doc = docs[one.name]
        if kind is ScoreParameters and is_dataclass(one.type):  # flat in the file
            rows += rows_of(one.type)
            continue
        key = KEYS[one.name] if kind is Manifest else one.name
        if other := re.search(r" JSON: `(\w+)`\.", doc):
            key, doc = other[1], doc.replace(other[0], "")
        rows.append((f"`{key}`", json_type(annotation), str(since), stand_in, doc))
    return rows


def json_type(annotation: str) -> str:
    """What an annotation is in JSON."""
    kind, _, null = annotation.partition(" | ")
    words = {"str": "text", "int": "whole number", "float": "number", "list": "list", "tuple": "list"}
    word = words.get(kind.partition("[")[0], "object")
    return f"{word} or null" if null else word


def docs_of(kind: type) -> dict[str, tuple[str, str]]:
    """The annotation of each field of a dataclass, and the docstring below it on one line ("" without one)."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    found = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = " ".join(str(after.value.value).split())
            found[node.target.id] = (ast.unparse(node.annotation), text)
    return found


def search_arrays() -> str:
    """The arrays of the search index by group."""
    rows = [(group, ", ".join(f"`{one.name}`" for one in stated)) for group, stated in GROUPS.items()]
    return table(("group", "arrays"), rows)


def table_of(stated: Table) -> str:
    """A table of the catalog, its key and its columns."""
    since = "" if stated.since == FIRST_VERSION else f" Since version {stated.since}."
    key = ", ".join(f"`{name}`" for name in stated.key)
    head = f"### `{stated.name}`\n\n{sentence(stated.doc)} Key: {key}.{since}\n\n"
    rows = [(f"`{c.name}`", c.type, str(max(c.since, stated.since)), c.doc) for c in stated.columns]
    return head + table(("column", "type", "since", "what"), rows)


def views() -> str:
    """The views of the catalog."""
    rows = [(f"`{name}`", doc) for name, (doc, _) in VIEWS.items()]
    return "### Views\n\n" + table(("view", "what"), rows) + "\n" + receipts()


RECEIPTS_TEXT = """\
### What a job took

A receipt has what its job counted, and the numbers below, from `start_seconds` on under `{used}`. View `receipts` has
them as columns. Receipts of earlier versions of Daybreak have no `{used}`, and their catalogs no view `receipts`.

"""


def receipts() -> str:
    """What the receipt of every job has."""
    rows = []
    for kind in (ReceiptHead, JobUse):
        docs = docs_of(kind)
        rows += [(f"`{one.name}`", DUCKDB_TYPES[one.type], docs[one.name][1]) for one in fields(kind)]
    return RECEIPTS_TEXT.format(used=USED) + table(("column", "type", "what"), rows)


def sentence(text: str) -> str:
    """A doc as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
