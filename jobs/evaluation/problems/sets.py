"""Public sets in a folder: sequences whose last item is to be found, fixed lists to train, valid and test, or baskets
(`baskets`)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.problems import baskets
from jobs.evaluation.problems.problem import Histories, ItemFacts, Problem, distinct, histories
from jobs.evaluation.problems.set_items import ITEMS, bare, read_items
from jobs.ranking.exact import ItemLists

SEQUENCES, FIXED = "sequences.txt", ("train.txt", "valid.txt", "test.txt")
PARTS = ("valid", "test")


class UserLines(NamedTuple):
    """A file with one line a user."""

    path: Path
    users: NDArray[np.int64]
    """The user of each of the n lines, (n,)."""
    lists: ItemLists
    """The item numbers of each line, or their item rows; int64."""


def is_set(folder: Path) -> bool:
    """Say whether a folder holds the files of a set."""
    return any((folder / name).exists() for name in (SEQUENCES, baskets.BASKETS)) or all(
        (folder / name).exists() for name in FIXED
    )


def read(folder: Path, part: str) -> Problem:
    """Read the problem of a set. part: "valid" or "test".

    sequences.txt: a line "user item item …" for each user, in order of time, items counted from 1; items.parquet may be
    missing. The last item of a sequence is the test's, the last but one the validation's, and the items before are to
    learn from. The test also gives the validation's item. `days` are places in the sequence.

    train.txt, valid.txt, test.txt: a line "user item item …" for each user, in no order, items counted from 0. The test
    also gives the validation's items, and methods learn from them. `days` are 0.

    baskets.parquet: see `baskets.next_basket`.

    items.parquet: item (the number in the lists), and optionally text or title, attributes (a list), category (a text,
    or a path whose first part counts) and price.

    Raises DataError, naming the file and the line, when the files do not look like this.
    """
    if part not in PARTS:
        raise DataError(f"part {part!r} is neither valid nor test")
    if (folder / SEQUENCES).exists():
        return leave_one_out(folder, part)
    if (folder / baskets.BASKETS).exists():
        return baskets.next_basket(folder, part)
    if any((folder / name).exists() for name in FIXED):
        return fixed_lists(folder, part)
    raise DataError(
        f"{folder} holds neither {SEQUENCES} nor {', '.join(FIXED)} nor {baskets.BASKETS}: is it the folder of a set?"
    )


def leave_one_out(folder: Path, part: str) -> Problem:
    """Read the problem of `sequences.txt`; see `read`."""
    items, (lines,) = _items(folder, [_lines(folder / SEQUENCES, least=3)], first=1)
    given = _without_last(lines.lists, 2 if part == "valid" else 1)
    answers = lines.lists.items[lines.lists.offsets[1:] - (2 if part == "valid" else 1)]
    return Problem(
        name=folder.resolve().name,
        protocol="leave one out",
        items=items,
        train=_without_last(lines.lists, 2),
        given=given,
        given_at=given.lengths.astype(np.float64),
        truth=ItemLists(np.arange(len(answers) + 1, dtype=np.int64), answers.astype(np.int32)),
        ordered=True,
    )


def fixed_lists(folder: Path, part: str) -> Problem:
    """Read the problem of `train.txt`, `valid.txt` and `test.txt`; see `read`."""
    items, lines = _items(folder, [_lines(folder / name, least=0) for name in FIXED], first=0)
    known, answers = (lines[:1], lines[1]) if part == "valid" else (lines[:2], lines[2])
    # The rows of users are in the order in which the files name them first.
    names, first = np.unique(np.concatenate([one.users for one in known]), return_index=True)
    rows = np.argsort(np.argsort(first))
    users = [np.repeat(rows[np.searchsorted(names, one.users)], np.diff(one.lists.offsets)) for one in known]
    train = _unordered(np.concatenate(users), np.concatenate([one.lists.items for one in known]), len(names))
    wanted = np.diff(answers.lists.offsets)
    measured = np.flatnonzero(wanted)
    people = answers.users[measured]
    unknown = people[~np.isin(people, names)]
    if len(unknown):
        raise DataError(
            f"{answers.path}: user {unknown[0]} is not in {' or '.join(one.path.name for one in known)}: "
            "nothing is known to make a list from"
        )
    return Problem(
        name=folder.resolve().name,
        protocol="fixed lists",
        items=items,
        train=train,
        given=train.rows(rows[np.searchsorted(names, people)]),
        given_at=np.zeros(len(measured)),
        truth=distinct(np.repeat(np.arange(len(measured)), wanted[measured]), len(measured), answers.lists.items),
        ordered=False,
    )


def _lines(path: Path, least: int) -> UserLines:
    """Read the item numbers of each user of a file. least: so many items a line must have."""
    import polars as pl

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path} is missing: fixed lists are {', '.join(FIXED)}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file: {error}") from None
    if not text:
        raise DataError(f"{path} holds no line")
    frame = pl.DataFrame({"text": text.removesuffix("\n").split("\n")}).with_row_index("line", 1)
    numbers = pl.col("text").str.extract_all(r"\S+").cast(pl.List(pl.Int64), strict=False)
    frame = frame.with_columns(numbers=numbers).with_columns(
        user=pl.col("numbers").list.first(), items=pl.col("numbers").list.slice(1)
    )
    wrong = (
        (pl.col("numbers").list.drop_nulls().list.len() < pl.col("text").str.count_matches(r"\S+"))
        | (pl.col("numbers").list.len() < 1 + least)
        | ~pl.col("user").is_first_distinct()
    )
    for row in frame.filter(wrong).head(1).iter_rows(named=True):
        raise DataError(f"{path}, line {row['line']}: {_mistake(row['text'], row['numbers'], least)}")
    offsets = np.concatenate([[0], frame["items"].list.len().to_numpy().cumsum()]).astype(np.int64)
    items = frame["items"].explode().drop_nulls().to_numpy()
    return UserLines(path, frame["user"].to_numpy(), ItemLists(offsets, items))


def _mistake(text: str, numbers: list[int | None], least: int) -> str:
    """Say what is wrong with a line."""
    if not numbers or None in numbers:
        return f"expected whole numbers, user item item …, not {text.strip()[:60]!r}"
    if len(numbers) < 1 + least:
        return f"{len(numbers) - 1} items, but a sequence needs at least {least}"
    return f"user {numbers[0]} has a line before; expected one line a user"


def _items(folder: Path, files: list[UserLines], first: int) -> tuple[ItemFacts, list[UserLines]]:
    """Read the items of a set, and put item rows in place of the item numbers of the files."""
    path = folder / ITEMS
    if path.exists():
        items, numbers = read_items(path)
        where = str(path)
    else:
        last = max(one.lists.items.max(initial=first - 1) for one in files)
        numbers = np.arange(first, last + 1)
        items = bare([str(n) for n in numbers])
        where = f"the items, which are counted from {first}"
    return items, [one._replace(lists=_rows(one, numbers, where)) for one in files]


def _rows(lines: UserLines, numbers: NDArray[np.int64], where: str) -> ItemLists:
    offsets, wanted = lines.lists
    rows = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    unknown = np.flatnonzero(numbers[rows] != wanted) if len(numbers) else np.arange(len(wanted))
    if len(unknown):
        line = np.searchsorted(offsets, unknown[0], side="right")
        raise DataError(f"{lines.path}, line {line}: item {wanted[unknown[0]]} is not among {where}")
    return ItemLists(offsets, rows)


def _without_last(lists: ItemLists, fewer: int) -> Histories:
    """Make histories of sequences without their last `fewer` items."""
    lengths = np.diff(lists.offsets) - fewer
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    items = lists.items[np.repeat(lists.offsets[:-1], lengths) + places].astype(np.int32)
    return Histories(offsets, items, places.astype(np.float64), np.ones(len(items), np.float32))


def _unordered(users: NDArray[np.int64], items: NDArray[np.int64], count: int) -> Histories:
    return histories(users, count, items.astype(np.int32), np.zeros(len(items)), np.ones(len(items), np.float32))
