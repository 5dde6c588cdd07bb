"""Public sets in a folder: sequences of which the last item is to be found, or fixed lists to train, valid and test."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.problems.problem import Histories, ItemFacts, Problem, distinct, histories
from jobs.ranking.exact import ItemLists

SEQUENCES, ITEMS, FIXED = "sequences.txt", "items.parquet", ("train.txt", "valid.txt", "test.txt")
PARTS = ("valid", "test")


def is_set(folder: Path) -> bool:
    """Whether a folder holds the files of a set."""
    return (folder / SEQUENCES).exists() or all((folder / name).exists() for name in FIXED)


def read(folder: Path, part: str) -> Problem:
    """The problem of a set. part: "valid" or "test".

    sequences.txt (with items.parquet, which may be missing): "user item item …" a line, in order of time, items counted
    from 1. Of each sequence the last item is the test's, the last but one the validation's, and all before are to
    learn from; for the test the validation's item is given too. `days` are places in the sequence.

    train.txt, valid.txt, test.txt: "user item item …" a line, in no order, items counted from 0; for the test the
    validation's items are given and learned from too. `days` are 0.

    items.parquet: item (the number in the lists), and where there are any text or title, attributes (a list),
    category (a text, or a path of which the first part counts) and price.

    Raises DataError, naming the file and the line, when they are not like this.
    """
    if part not in PARTS:
        raise DataError(f"part {part!r} is neither valid nor test")
    if (folder / SEQUENCES).exists():
        return leave_one_out(folder, part)
    if any((folder / name).exists() for name in FIXED):
        return fixed_lists(folder, part)
    raise DataError(f"{folder} holds neither {SEQUENCES} nor {', '.join(FIXED)}: is it the folder of a set?")


def leave_one_out(folder: Path, part: str) -> Problem:
    """The problem of `sequences.txt`; see `read`."""
    path = folder / SEQUENCES
    lines = _lines(path, least=3)
    items, lists = _items(folder, {path: lines}, first=1)
    sequences = lists[path]
    train = [one[:-2] for one in sequences]
    given = train if part == "valid" else [one[:-1] for one in sequences]
    truth = [one[-2 if part == "valid" else -1] for one in sequences]
    return Problem(
        name=folder.resolve().name,
        protocol="leave one out",
        items=items,
        train=_sequences(train),
        given=_sequences(given),
        given_at=np.asarray([len(one) for one in given], dtype=np.float64),
        truth=ItemLists(np.arange(len(truth) + 1, dtype=np.int64), np.asarray(truth, dtype=np.int32)),
        ordered=True,
    )


def fixed_lists(folder: Path, part: str) -> Problem:
    """The problem of `train.txt`, `valid.txt` and `test.txt`; see `read`."""
    lines = {folder / name: _lines(folder / name, least=0) for name in FIXED}
    items, lists = _items(folder, lines, first=0)
    known = FIXED[:1] if part == "valid" else FIXED[:2]
    names = list(dict.fromkeys(chain.from_iterable(lines[folder / name] for name in known)))
    train = _pairs([(lines[folder / name], lists[folder / name]) for name in known], names)
    answers = folder / ("valid.txt" if part == "valid" else "test.txt")
    user, item = _pairs([(lines[answers], lists[answers])], list(lines[answers]))
    measured = np.unique(user)
    row = {name: n for n, name in enumerate(names)}
    people = list(lines[answers])
    unknown = [n for n in measured if people[n] not in row]
    if unknown:
        raise DataError(
            f"{answers}: user {people[unknown[0]]} is not in {' or '.join(known)}: nothing is known to make a list from"
        )
    learned = _unordered(*train, len(names))
    return Problem(
        name=folder.resolve().name,
        protocol="fixed lists",
        items=items,
        train=learned,
        given=learned.rows(np.asarray([row[people[n]] for n in measured], dtype=np.int64)),
        given_at=np.zeros(len(measured)),
        truth=distinct(np.searchsorted(measured, user), len(measured), item),
        ordered=False,
    )


def _lines(path: Path, least: int) -> dict[int, list[int]]:
    """The items of each user of a file, in its order."""
    found: dict[int, list[int]] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    user, *items = map(int, line.split())
                except ValueError:
                    raise DataError(
                        f"{path}, line {number}: expected whole numbers, user item item …, not {line.strip()[:60]!r}"
                    ) from None
                if len(items) < least:
                    raise DataError(f"{path}, line {number}: {len(items)} items, but a sequence needs at least {least}")
                if user in found:
                    raise DataError(f"{path}, line {number}: user {user} has a line before; expected one line a user")
                found[user] = items
    except FileNotFoundError:
        raise DataError(f"{path} is missing: fixed lists are {', '.join(FIXED)}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file: {error}") from None
    if not found:
        raise DataError(f"{path} holds no line")
    return found


def _items(
    folder: Path, lines: dict[Path, dict[int, list[int]]], first: int
) -> tuple[ItemFacts, dict[Path, list[NDArray[np.int32]]]]:
    """The items of a set, and the lists of each file with item rows in place of item numbers."""
    path = folder / ITEMS
    if path.exists():
        items, numbers = read_items(path)
        where = str(path)
    else:
        last = max(max(own, default=first - 1) for users in lines.values() for own in users.values())
        numbers = np.arange(first, last + 1)
        items = _bare([str(n) for n in numbers])
        where = f"the items, which are counted from {first}"
    rows = {}
    for file, users in lines.items():
        rows[file] = [_rows(own, numbers, f"{file}, line {line}", where) for line, own in enumerate(users.values(), 1)]
    return items, rows


def _rows(own: Sequence[int], numbers: NDArray[np.int64], line: str, where: str) -> NDArray[np.int32]:
    wanted = np.asarray(own, dtype=np.int64)
    row = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    if (numbers[row] != wanted).any():
        raise DataError(f"{line}: item {wanted[numbers[row] != wanted][0]} is not among {where}")
    return row.astype(np.int32)


def read_items(path: Path) -> tuple[ItemFacts, NDArray[np.int64]]:
    """The items of `items.parquet` (columns: see `read`), and their numbers, rising.

    Raises DataError when it is not readable, has no column item, or names an item twice.
    """
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is not readable as Parquet: {error}") from None
    if "item" not in table.columns or not table["item"].dtype.is_integer():
        raise DataError(f"{path}: expected a column item of whole numbers; its columns are {', '.join(table.columns)}")
    table = table.sort("item")
    if not table.height or table["item"].null_count():
        raise DataError(
            f"{path}: expected rows, each with its item; {table['item'].null_count()} of {table.height} lack it"
        )
    if table["item"].is_duplicated().any():
        raise DataError(f"{path}: item {table.filter(pl.col('item').is_duplicated())['item'][0]} is there twice")
    bare = _bare([str(n) for n in table["item"]])
    columns = table.columns
    text = next((table[c].to_list() for c in ("text", "title") if c in columns), bare.texts)
    labels = table["attributes"].to_list() if "attributes" in columns else bare.attributes
    category = table["category"].to_list() if "category" in columns else bare.categories
    items = ItemFacts(
        ids=bare.ids,
        texts=[one or "" for one in text],
        attributes=[[str(label) for label in own or [] if label is not None] for own in labels],
        prices=table["price"].cast(pl.Float64).fill_null(np.nan).to_numpy() if "price" in columns else bare.prices,
        categories=[str((one[0] if one else "") if isinstance(one, list) else one or "") for one in category],
    )
    return items, table["item"].to_numpy().astype(np.int64)


def _bare(ids: list[str]) -> ItemFacts:
    """ItemFacts of which only the ids are known."""
    n = len(ids)
    return ItemFacts(ids, [""] * n, [[] for _ in ids], np.full(n, np.nan), [""] * n)


def _sequences(lists: list[NDArray[np.int32]]) -> Histories:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    days = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    return Histories(offsets, np.concatenate(lists), days.astype(np.float64), np.ones(offsets[-1], np.float32))


def _pairs(
    files: list[tuple[dict[int, list[int]], list[NDArray[np.int32]]]], names: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """All pairs of a user (its place in `names`) and an item row of some files."""
    place = {name: n for n, name in enumerate(names)}
    users = [np.full(len(own), place[name]) for file, rows in files for name, own in zip(file, rows, strict=True)]
    items = [own for _, rows in files for own in rows]
    return np.concatenate(users).astype(np.int64), np.concatenate(items)


def _unordered(users: NDArray[np.int64], items: NDArray[np.int32], count: int) -> Histories:
    return histories(users, count, items, np.zeros(len(items)), np.ones(len(items), np.float32))
