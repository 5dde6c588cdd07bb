"""The command `daybreak evaluate-search`."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Json
from jobs.cli.output import TextTable, show, show_json
from jobs.errors import DataError

WORK = Path("search-evaluation")


def evaluate_search(
    products: Annotated[
        Path, typer.Option("--products", metavar="FILE", help="The products: CSV, Parquet or JSON lines.")
    ],
    judgements: Annotated[
        Path, typer.Option("--judgements", metavar="FILE", help="The grades: query, product_id, grade.")
    ],
    *,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE", help="A query log to learn from: query, product_id.")
    ] = None,
    work: Annotated[
        Path, typer.Option("--work", metavar="FOLDER", help="Where vectors and the index are kept for the next run.")
    ] = WORK,
    json: Json = False,
) -> None:
    """Measure search on judged queries, beside BM25 and a sentence transformer.

    An index of the products is built and opened as that of a release is. The columns product_id and title are needed;
    brand, category (a path with > or /), description, price, attributes (a JSON object) and date count where they are
    there. name, short_description, price_cents and date_released stand in for title, description, price and date.

    What is learned, BM25's parameters and the ranker's weights, is chosen by cross-validation: on other queries than
    those that are measured.

    Examples:

      daybreak evaluate-search --products items.parquet --judgements judged.csv
      daybreak evaluate-search --products p.jsonl --judgements j.csv --json
    """
    from jobs.evaluation.search import figures
    from jobs.evaluation.search.evaluation import FEWEST, SearchEvaluation
    from jobs.evaluation.search.files.judgements import read_judgements
    from jobs.evaluation.search.files.products import read_products
    from jobs.evaluation.search.files.query_log import read_query_log
    from jobs.evaluation.search.shop import TableShop

    items = read_products(products)
    judged = read_judgements(judgements, items)
    if len(judged) < FEWEST:
        raise DataError(f"{judgements}: {len(judged)} queries are judged; cross-validation needs {FEWEST} at least")
    known = None if log is None else read_query_log(log)
    with redirect_stdout(sys.stderr):  # the log lines of the work
        results = SearchEvaluation(TableShop(items, work, known), judged).run()
    if json:
        show_json(figures.json_rows(results, judged))
        return
    for rows in (figures.method_rows(results), figures.difference_rows(results), figures.slice_rows(results)):
        show(TextTable(rows[0], rows[1:], right=figures.numbers(rows)))
        print()
    for sentence in figures.sentences(results, judged):
        print(sentence)
