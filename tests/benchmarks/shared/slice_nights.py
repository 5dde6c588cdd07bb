"""Nights of a slice of Complete Journey, each in a process of its own, and what their receipts say."""

import argparse
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from jobs.config.loader import load
from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.timing import options
from tests.slices import write_slice

FIRST = date(2017, 12, 12)
"""The first night."""
TOY = 60, 400
"""Users and items of a slice of toy size."""


def options_of_slices(doc: str | None) -> argparse.ArgumentParser:
    """As `options`, with the size of the slice."""
    parser = options(doc)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--items", type=int, default=10_000)
    return parser


def slice_shop(folder: Path, asked: argparse.Namespace) -> Path:
    """Make the shop that the options ask for, with the demo's settings, but for toy size; its configuration."""
    config = write_slice(folder, *(TOY if asked.toy else (asked.users, asked.items)))
    if not asked.toy:  # a slice makes the demo's settings smaller
        text = config.read_text()
        config.write_text(text[: text.index("k = 20\n")])
    return config


def night(config: Path, day: date, *given: str) -> dict[str, Any]:
    """Run a night in a process of its own; what its receipts say, by job, and its release. given: more options."""
    told = [sys.executable, "-m", "jobs.cli", "run", "--config", str(config), "--date", day.isoformat(), *given]
    done = subprocess.run(told, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    run = load(config, day).run
    found: dict[str, Any] = {receipt["job"]: receipt for receipt in run.receipts()}
    return {**found, "release": run.read_json("release.json")["id"]}


def cpu(receipt: dict[str, Any]) -> float:
    return float(receipt["used"]["cpu_seconds"])


def clock(receipt: dict[str, Any]) -> float:
    return float(receipt["seconds"])
