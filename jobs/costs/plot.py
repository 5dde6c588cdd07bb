"""The plot of a report: what each job took, and what a million lists cost from night to night. SVG, without scripts."""

from collections.abc import Sequence
from typing import NamedTuple

from jobs.costs.nights import NightCost, StageCost

WIDTH, ROW, LABEL = 640.0, 22.0, 130.0
"""Pixels: of the plot, of a bar with its gap, of the names beside the bars."""
NIGHTS = 30
"""So many nights are drawn, the newest."""
HIGH = 120.0
"""Pixels of the line from night to night."""


class Bar(NamedTuple):
    """A job, in pixels."""

    job: str
    seconds: float
    y: float
    own: float
    """Of Daybreak's functions, and of the driver."""
    spark: float
    """Of Spark's own share; 0 where it is not known."""


class Dot(NamedTuple):
    """A night, in pixels."""

    date: str
    value: float
    """Core-hours for a million lists."""
    x: float
    y: float


class CostPlot(NamedTuple):
    """What the template draws."""

    bars: list[Bar]
    dots: list[Dot]
    """Of the nights that tell it; none where fewer than two do."""
    width: float
    bars_high: float
    dots_high: float
    label: float

    @property
    def line(self) -> str:
        """The points of the line through the dots, as SVG takes them."""
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


def cost_plot(stages: Sequence[StageCost], nights: Sequence[NightCost]) -> CostPlot:
    """The plot of a release. stages: of its night. nights: of the releases that there are, the oldest first."""
    longest = max((stage.seconds for stage in stages), default=0.0) or 1.0
    room = WIDTH - LABEL - 60.0
    bars = []
    for n, stage in enumerate(stages):
        spark = min(stage.spark_seconds or 0.0, stage.seconds)
        own = stage.seconds - spark
        bars.append(Bar(stage.job, stage.seconds, n * ROW, own / longest * room, spark / longest * room))
    told = [(night.date, night.per_million_lists(night.total("core_hours"))) for night in nights]
    known = [(date, value) for date, value in told if value is not None][-NIGHTS:]
    dots = []
    if len(known) > 1:
        most = max(value for _, value in known) or 1.0
        step = (WIDTH - 20.0) / (len(known) - 1)
        dots = [
            Dot(date, value, 10.0 + n * step, HIGH - 20.0 - value / most * (HIGH - 40.0))
            for n, (date, value) in enumerate(known)
        ]
    return CostPlot(bars, dots, WIDTH, len(bars) * ROW, HIGH, LABEL)
