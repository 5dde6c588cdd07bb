"""Judged queries: grades of products, and the gains that they stand for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.search.files.products import Products, needed, read_table

SHOWN = 3
"""Bad values that an error names."""


@dataclass(frozen=True)
class Judgements:
    """n judged queries, in the order in which they first appear."""

    queries: list[str]
    rows: list[NDArray[np.int32]]
    """Of each query the judged products, rising."""
    grades: list[NDArray[np.float64]]
    """Their grades."""

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def lowest(self) -> float:
        """The lowest grade of all: it says which scale it is."""
        return min(float(one.min()) for one in self.grades)

    @property
    def highest(self) -> float:
        """The highest grade of all."""
        return max(float(one.max()) for one in self.grades)

    @property
    def from_one(self) -> bool:
        """Whether the scale begins at 1 or later."""
        return self.lowest >= 1

    @property
    def least_relevant(self) -> float:
        """The lowest grade that counts as relevant: the upper half of the scale."""
        return (min(self.lowest, 1.0 if self.from_one else 0.0) + self.highest) / 2

    def gains(self, query: int) -> NDArray[np.float64]:
        """What the grades of a query are worth: themselves where the scale begins at 0, else 2^(grade - 1) - 1."""
        return 2 ** (self.grades[query] - 1) - 1 if self.from_one else self.grades[query]

    def relevant(self, query: int) -> NDArray[np.int32]:
        """The rows of the products that are relevant to a query."""
        return self.rows[query][self.grades[query] >= self.least_relevant]

    def said(self) -> str:
        """How grades are read, in a sentence."""
        gain = "2^(grade - 1) - 1" if self.from_one else "the grade"
        return (
            f"grades from {self.lowest:g} to {self.highest:g}: the gain is {gain}; relevant is a grade of at least "
            f"{self.least_relevant:g}"
        )


def read_judgements(path: Path, products: Products) -> Judgements:
    """Read a table with the columns query, product_id and grade; others do not count.

    Raises DataError, naming the file, for a missing column, a query or a product that is missing or unknown, a grade
    that is no number of at least 0, and a pair of a query and a product that is there twice.
    """
    table = read_table(path)
    needed(table, path, "query", "product_id", "grade")
    row_of = {one: row for row, one in enumerate(products.ids)}
    found: dict[str, dict[int, float]] = {}
    unknown: list[str] = []
    columns = (table[name].to_list() for name in ("query", "product_id", "grade"))
    for line, (query, product, grade) in enumerate(zip(*columns, strict=True), 1):
        text = "" if query is None else " ".join(str(query).split())
        if not text:
            raise DataError(f"{path}, row {line}: no query")
        row = row_of.get(str(product), -1)
        if row < 0:
            unknown.append(str(product))
            continue
        graded = found.setdefault(text, {})
        if row in graded:
            raise DataError(f"{path}, row {line}: {text!r:.100} and {product!s:.100} are judged twice")
        graded[row] = _grade(grade, path, line)
    if unknown:
        shown = ", ".join(f"{one:.60}" for one in unknown[:SHOWN])
        raise DataError(f"{path}: {len(unknown)} rows are of products that the table does not have: {shown}")
    rows = [np.array(sorted(graded), np.int32) for graded in found.values()]
    grades = [np.array([graded[row] for row in sorted(graded)], np.float64) for graded in found.values()]
    made = Judgements(list(found), rows, grades)
    if made.lowest == made.highest:
        raise DataError(f"{path}: every grade is {made.lowest:g}, so no order is better than another")
    return made


def _grade(value: object, path: Path, line: int) -> float:
    try:
        grade = float(str(value))
    except ValueError:
        grade = float("nan")
    if not 0 <= grade <= 100:
        raise DataError(f"{path}, row {line}: grade {value!s:.60} is no number from 0 to 100")
    return grade
