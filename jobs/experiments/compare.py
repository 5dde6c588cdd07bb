"""Compare the arms of an A/B test: exposures, the events that follow them, and the certainty of the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import duckdb
from duckdb import DuckDBPyConnection

from jobs.errors import ConfigError
from jobs.experiments.outcomes import METRICS, Outcomes, outcomes
from jobs.experiments.records import read_events, read_exposures
from jobs.experiments.search_outcomes import SEARCH_METRICS, SearchOutcomes, has_searches, search_outcomes
from jobs.experiments.statistics import SAMPLE_RATIO_ALARM, ArmDifference, difference, sample_ratio

EVENTS: Mapping[str, str | None] = {
    **{name: metric.event for name, metric in METRICS.items()},
    **{name: metric.event for name, metric in SEARCH_METRICS.items()},
}
"""By the names of all metrics: the kind of events that each needs, if any."""


@dataclass(frozen=True)
class CompareOptions:
    """Options of a comparison."""

    exposures: Sequence[str]
    """Files of exposures."""
    events: Sequence[str]
    """Files of events, or a configuration."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns of the events with other names than usual (`jobs.experiments.records.read_events`)."""
    metrics: Sequence[str] = ()
    """Names of `METRICS` and `SEARCH_METRICS`; empty: all that have events, those of searches where there are some."""
    test: str | None = None
    """The name of the test; None if the exposures belong to one test only."""
    control: str | None = None
    """The arm to compare the others with; None: the first by name."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """The intended share of users of each arm; empty: equal shares."""
    click: str = "click"
    conversion: str = "purchase"
    """The types of these events."""
    window: float = 24.0
    """Hours after an exposure during which an event counts."""
    any_item: bool = False
    """An event counts even if its item was not shown; never for a search."""
    first: date | None = None
    last: date | None = None
    """The first and the last day whose exposures count, UTC."""


@dataclass(frozen=True)
class ArmComparison:
    """The result of a comparison."""

    test: str
    control: str
    arms: dict[str, Outcomes]
    searches: dict[str, SearchOutcomes]
    """By arm, of the same users; empty where no metric of searches is compared."""
    metrics: list[str]
    values: dict[str, dict[str, float]]
    """By arm and metric."""
    differences: dict[str, dict[str, ArmDifference]]
    """By arm (without the control) and metric."""
    shares: dict[str, float]
    sample_ratio_p: float
    """p of user numbers at least this uneven, if the shares hold (chi-square)."""
    left_out: dict[str, int]
    """What the comparison leaves out, and how many of it."""

    @property
    def mismatch(self) -> bool:
        """Whether the users of the arms do not fit the shares; then more than the arms differs."""
        return self.sample_ratio_p < SAMPLE_RATIO_ALARM


def compare(choice: CompareOptions) -> ArmComparison:
    """Read the records, attribute events to exposures, and compare each arm with the control.

    Raises ConfigError, naming the file or the option, when something is missing or unexpected.
    """
    _check(choice)
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        no_exposures, guests = read_exposures(db, choice.exposures)
        left_out = {"unreadable exposures": no_exposures}
        left_out["unreadable events"], left_out["values that are no numbers"] = read_events(
            db, choice.events, choice.columns
        )
        test = _select(db, choice)
        metrics = _metrics(db, choice)
        arms, left_out["users in several arms"] = outcomes(
            db, choice.window, choice.click, choice.conversion, choice.any_item
        )
        searched: dict[str, SearchOutcomes] = {}
        if has_searches(db) and set(metrics) & set(SEARCH_METRICS):
            searched = search_outcomes(db, choice.window, choice.click, choice.conversion)
        if guests:
            left_out["searches of guests, or without an arm"] = guests
    control = choice.control if choice.control is not None else min(arms, default="")
    if control not in arms or len(arms) < 2:
        raise ConfigError(
            f"{choice.exposures[0]}: test {test!r} has the arms {sorted(arms)}; two or more expected, "
            f"{control!r} among them"
        )
    shares = _shares(choice, sorted(arms))
    samples = {
        arm: {
            name: METRICS[name].sample(done) if name in METRICS else SEARCH_METRICS[name].sample(searched[arm])
            for name in metrics
        }
        for arm, done in arms.items()
    }
    return ArmComparison(
        test=test,
        control=control,
        arms=arms,
        searches=searched,
        metrics=metrics,
        values={arm: {name: sample.ratio for name, sample in of.items()} for arm, of in samples.items()},
        differences={
            arm: {name: difference(samples[control][name], sample) for name, sample in of.items()}
            for arm, of in samples.items()
            if arm != control
        },
        shares=shares,
        sample_ratio_p=sample_ratio({arm: len(arms[arm].exposures) if arm in arms else 0 for arm in shares}, shares),
        left_out=left_out,
    )


def _check(choice: CompareOptions) -> None:
    for name in choice.metrics:
        if name not in EVENTS:
            raise ConfigError(f"--metric: unknown metric {name!r}; expected some of {', '.join(EVENTS)}")
    if not choice.window > 0:
        raise ConfigError(f"--window must be more than 0 hours; it is {choice.window}")
    if choice.first and choice.last and choice.last < choice.first:
        raise ConfigError(f"--to is {choice.last}, before --from {choice.first}")


def _select(db: DuckDBPyConnection, choice: CompareOptions) -> str:
    """Keep the exposures of one test and the chosen days. Returns the test's name."""
    tests = [row[0] for row in db.execute("SELECT DISTINCT test FROM exposures ORDER BY test").fetchall()]
    test = tests[0] if choice.test is None and len(tests) == 1 else choice.test
    if test not in tests:
        said = "--test says which" if choice.test is None else f"{choice.test!r} is not among them"
        raise ConfigError(f"{choice.exposures[0]}: the exposures are of the tests {tests}; {said}")
    begin = _microseconds(choice.first) if choice.first else 0
    end = _microseconds(choice.last) + 86_400_000_000 if choice.last else 2**62
    db.execute('DELETE FROM exposures WHERE test <> ? OR "at" < ? OR "at" >= ?', [test, begin, end])
    return str(test)


def _metrics(db: DuckDBPyConnection, choice: CompareOptions) -> list[str]:
    """Return the chosen metrics, or all metrics with events; those of searches where there are some."""
    there = {row[0] for row in db.execute("SELECT DISTINCT type FROM events").fetchall()}
    types = {"click": choice.click, "conversion": choice.conversion}
    some = has_searches(db)
    for name in choice.metrics:
        if name in SEARCH_METRICS and not some:
            raise ConfigError(f"{choice.exposures[0]}: no searches among the exposures, so there is no {name}")
    wanted = choice.metrics or [name for name in EVENTS if some or name in METRICS]
    found = [name for name in wanted if (event := EVENTS[name]) is None or types[event] in there]
    missing = [name for name in choice.metrics if name not in found]
    if missing or (all(name not in METRICS for name in found) and not choice.metrics):
        lacking = types[str(EVENTS[missing[0]])] if missing else f"{choice.click} or {choice.conversion}"
        raise ConfigError(
            f"{choice.events[0]}: no event of type {lacking}; there are {', '.join(sorted(there)) or 'none'}: "
            "--click and --conversion name the types"
        )
    return found


def _shares(choice: CompareOptions, arms: list[str]) -> dict[str, float]:
    shares = dict(choice.shares) or {arm: 1 / len(arms) for arm in arms}
    if set(arms) - set(shares) or not all(share >= 0 for share in shares.values()) or not sum(shares.values()):
        raise ConfigError(f"--shares: {shares}; a share expected for each of {', '.join(arms)}, such as {arms[0]}=0.5")
    return {arm: share / sum(shares.values()) for arm, share in shares.items()}


def _microseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
