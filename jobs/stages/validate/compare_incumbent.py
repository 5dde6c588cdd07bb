"""Compare the challenger with the incumbent: the gate on the run's table `evaluation`."""

from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from jobs.config.config import Config
from jobs.infra.blocks import Blocks
from jobs.infra.logging import log_line
from jobs.infra.tables import CHALLENGER, EVALUATION, INCUMBENT
from jobs.stages.validate import gate
from jobs.stages.validate.finding import Finding, FindingKind
from lookup.errors import ReleaseError
from lookup.release import manifest, pointer
from lookup.release.manifest import Manifest

SLICES = ("all", "new items", "long tail", "never had", "light users", "heavy users")
METRIC = "ndcg"
METHODS = {"incumbent": INCUMBENT, "challenger": CHALLENGER}
"""The method of each release in table `evaluation`."""


def incumbent_of(challenger: Manifest, config: Config) -> Manifest | None:
    """The release to compare with: the one that CURRENT names, or its parent where that is the challenger itself.

    None where there is no such release, or where it cannot be read. So a damaged release does not stop the nights after
    it.
    """
    current = pointer.read_or_none(config.releases)
    release_id = challenger.parent if current == challenger.id else current
    if release_id is None:
        return None
    try:
        return manifest.read(config.releases / release_id)
    except ReleaseError as error:
        log_line("validate", "not compared", why=error)
        return None


def compare_with_incumbent(config: Config, incumbent: Manifest | None) -> tuple[list[Finding], list[dict[str, Any]]]:
    """The findings of the gate, and its figures for each slice as `validation.json` keeps them.

    The gate passes without a comparison where there is no incumbent, and where `evaluate` could not score it.
    Raises MissingStepError when `evaluate` has not run.
    """
    if incumbent is None:
        return _not_compared("there is no incumbent that can be read")
    metrics = config.run.read_json("metrics.json")
    scored = metrics.get("incumbent", metrics.get("in_place"))  # runs of older versions have the second key
    if scored is None:
        return _not_compared(f"evaluate did not score {incumbent.id}")
    if scored != incumbent.id:
        remedy = f"{incumbent.id}, the incumbent now: run `daybreak job evaluate --date {config.date}` again"
        return [Finding("compared with", False, scored, remedy, FindingKind.FAILURE)], []
    limits = config.validate
    slices = read_scores(config)
    if not any(np.isfinite(scores.incumbent).any() for scores in slices.values()):
        return _not_compared(f"evaluate scored no user of {incumbent.id}")
    verdicts = gate.compare(slices, max_loss=limits.max_loss, false_alarms=limits.false_alarms)
    return [finding(verdict, incumbent.id) for verdict in verdicts], [asdict(verdict) for verdict in verdicts]


def finding(verdict: gate.SliceComparison, incumbent: str) -> Finding:
    """The verdict on a slice in words. incumbent: its id."""
    share = f" ({verdict.difference / verdict.incumbent:+.1%})" if verdict.incumbent else ""
    between = "" if verdict.low is None else f", interval {verdict.low:+.5f} to {verdict.high:+.5f}"
    return Finding(
        f"{METRIC}@20 of {verdict.slice} against {incumbent}",
        verdict.ok,
        f"{verdict.challenger:.5f}, {verdict.difference:+.5f}{share}{between}, {verdict.users} users: {verdict.why}",
        f"{verdict.incumbent:.5f}, or equal within the interval",
        FindingKind.FAILURE,
    )


def read_scores(config: Config) -> dict[str, gate.Scores]:
    """NDCG@20 of both releases by slice, users in the order of their ids; NaN where a user was not scored.

    A slice in which nobody was scored is empty. Raises MissingStepError when `evaluate` has not run.
    """
    scored = [
        pl.col(METRIC).filter(pl.col("method") == method).first().cast(pl.Float64).alias(release)
        for release, method in METHODS.items()
    ]
    table = (
        pl.scan_parquet(Blocks.of(config.run, EVALUATION.name).files, glob=False, hive_partitioning=False)
        .filter(pl.col("slice").is_in(SLICES), pl.col("method").is_in(list(METHODS.values())))
        .group_by("slice", "user_id")
        .agg(scored)
        .sort("user_id")
        .collect()
    )
    slices = {name: table.filter(pl.col("slice") == name) for name in SLICES}
    return {
        name: gate.Scores(*(part[release].fill_null(np.nan).to_numpy() for release in ("incumbent", "challenger")))
        for name, part in slices.items()
    }


def _not_compared(why: str) -> tuple[list[Finding], list[dict[str, Any]]]:
    log_line("validate", "not compared", why=why)
    return [Finding("compared with", True, f"not compared: {why}", "the incumbent", FindingKind.FAILURE)], []
