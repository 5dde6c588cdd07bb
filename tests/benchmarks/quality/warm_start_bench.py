"""Continuing a model week after week against training one from scratch every week: quality and time.

    python -m tests.benchmarks warm_start --config daybreak.toml --date 2018-01-02 --weeks 8

The last week ends before --date. In each week both models know the days before it. They are measured on the lists of
all users with events in it, which may contain items that the user bought before. Goal: quality within 1 % at 15 % of
the time or less.
"""

import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from jobs.config.config import Config
from jobs.config.loader import load
from jobs.evaluation.harness import ranked
from jobs.evaluation.methods.daybreak import Daybreak, text_vectors, write_sequences
from jobs.evaluation.metrics.ranking import user_metrics
from jobs.evaluation.problems.problem import Problem
from jobs.evaluation.problems.split import problem_of_run
from jobs.infra.spark import open_session
from jobs.infra.tables import EVENTS, ITEMS
from jobs.models.attributes import Vocabulary
from jobs.models.behaviour import model_store as store
from jobs.models.behaviour.fit import fit_files
from jobs.night import run_job
from tests.benchmarks.shared.shops import TOY, demo, toy_config, write_ingested
from tests.benchmarks.shared.timing import options

LAST = date(2018, 1, 2)
"""The demo's night."""
MEASURES = ("recall@20", "ndcg@10")


class Weekly(Daybreak):
    """Daybreak with the settings of a shop, and with a folder for its models."""

    def __init__(self, config: Config, models: Path):
        super().__init__("repeat", config.train, config.embed)
        self.models = models
        self.seconds = 0.0

    def week(self, problem: Problem, day: date, texts: np.ndarray, *, continued: bool) -> None:
        """Fit the model of a day, from scratch or from the one of the week before."""
        started = time.monotonic()
        new = self.models / f".{day}"
        new.mkdir(parents=True)
        counts = np.bincount(problem.train.items, minlength=len(problem.items))
        rows = np.flatnonzero(counts)
        facts = ([problem.items.attributes[row] for row in rows], [problem.items.texts[row] for row in rows])
        vocabulary, ids = Vocabulary.of(*facts), [problem.items.ids[row] for row in rows]
        files = list(write_sequences(problem, self.train.max_history, new))
        store.Inputs(rows, counts[rows], vocabulary.matrix(*facts)).write(new)
        about = {"day": str(day), "trained_until": str(day), "price_bounds": [], "settings": dict(vars(self.train))}
        if continued:
            store.Start.of(store.existing(self.models, day), ids, vocabulary.names, self.train).write(new)
        about["losses"] = fit_files(files, new, self.train, "cpu")
        fitted = dict(np.load(new / store.FITTED))
        for file in files:
            file.unlink()
        store.finish(new, about, ids, vocabulary.names)
        self.seconds = time.monotonic() - started
        self._join(problem, rows, vocabulary, texts, fitted)


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--config", type=Path, help="default: the demo's")
    parser.add_argument("--date", type=date.fromisoformat, default=LAST)
    parser.add_argument("--weeks", type=int, default=8)
    given = parser.parse_args(argv)
    if given.toy:
        with tempfile.TemporaryDirectory() as folder:
            config = load(toy_config(Path(folder)), LAST)
            write_ingested(config.run, TOY, days=35)
            measure(config, weeks=1)
    else:
        config = load(given.config or demo(), given.date)
        ingest(config)
        measure(config, given.weeks)
    return 0


def ingest(config: Config) -> None:
    """Make the tables of the run where they are missing."""
    if not all(config.run.path(table.name).exists() for table in (ITEMS, EVENTS)):
        spark = open_session("local[*]", config.spark, config.scratch)
        try:
            run_job("ingest", spark, config)
        finally:
            spark.stop()


def measure(config: Config, weeks: int) -> None:
    """Train both ways, week after week, and print."""
    print(f"{'week':<12}{'users':>7}  {'':<10}{'Recall@20':>10}{'NDCG@10':>10}{'seconds':>10}")
    sums = {"scratch": np.zeros(3), "continued": np.zeros(3)}
    texts = None
    with tempfile.TemporaryDirectory() as folder:
        models = {name: Weekly(config, Path(folder) / name) for name in sums}
        for week in range(weeks + 1):
            day = config.date - timedelta(days=7 * (weeks + 1 - week))
            problem = problem_of_run(config.run, day, 7)
            texts = text_vectors(problem.items.texts, config.embed) if texts is None else texts
            for name, model in models.items():
                if week == 0 and name == "scratch":  # the same as the one that is continued: measured once
                    continue
                model.week(problem, day, texts, continued=week > 0 and name == "continued")
                lists = ranked(model, problem, masked=False)
                users = user_metrics(lists, problem.truth, (10, 20))
                found = np.asarray([*(users[measure].mean() for measure in MEASURES), model.seconds])
                label = name if week else "first"
                print(f"{day!s:<12}{len(lists):>7}  {label:<10}{found[0]:>10.4f}{found[1]:>10.4f}{found[2]:>10.1f}")
                sums[name] += found if week else 0
    ratios = sums["continued"] / sums["scratch"]
    for name, total in sums.items():
        mean = total / weeks
        print(f"{'mean':<12}{'':>7}  {name:<10}{mean[0]:>10.4f}{mean[1]:>10.4f}{mean[2]:>10.1f}")
    print(f"{'ratio':<12}{'':>7}  {'':<10}{ratios[0]:>10.4f}{ratios[1]:>10.4f}{ratios[2]:>10.3f}")
