"""The command `daybreak receipt`."""

from datetime import date
from typing import Annotated, Any

import typer

from jobs.cli.night.stored import read_receipts
from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, day, load
from jobs.cli.output import TextTable, on_terminal, show_json
from jobs.infra.receipts.used import USED

LastNight = Annotated[
    date | None,
    typer.Option(
        "--date", parser=day, metavar="YYYY-MM-DD", show_default="the newest that there is", help="Which night."
    ),
]


def receipt(night: LastNight = None, config: ConfigFile = DEFAULT_CONFIG, json: Json = False) -> None:
    """Print what a night did: what each job counted and took, and the metrics.

    A terminal shows tables. A pipe gets one line of JSON, as with --json.

    Example: daybreak receipt --date 2026-11-22 --json
    """
    settings = load(config, night)
    run = settings.run
    if settings.storage is not None:  # another machine may have run it
        read_receipts(settings)
    if night is None:
        run = run.newest()
    run.existing("receipts")
    receipts = run.receipts()
    metrics = run.read_json("metrics.json", checked=False)["metrics"] if run.path("metrics.json").exists() else []
    release = run.read_json("release.json", checked=False)["id"] if run.path("release.json").exists() else None
    if json or not on_terminal():
        show_json([{"date": run.date.isoformat(), "release": release, "metrics": metrics, "receipts": receipts}])
        return
    print(f"night of {run.date}, " + (f"release {release}" if release else "no release built"))
    _jobs(receipts).draw()
    if metrics:
        _metrics(metrics).draw()


def _jobs(receipts: list[dict[str, Any]]) -> TextTable:
    about = ("job", "seconds", "peak_mib", "ended")
    rows = []
    for one in receipts:
        counts = ", ".join(f"{name} {value:,}" for name, value in one.items() if name not in about and _whole(value))
        used = one.get(USED, {})
        shares = (f"{used[name]:,.1f}" if name in used else "" for name in ("cpu_seconds", "spark_seconds"))
        rows.append((one["job"], f"{one['seconds']:,.1f}", *shares, f"{one['peak_mib']:,}", one["ended"], counts))
    numbers = ("seconds", "cpu", "Spark's own", "peak MiB")
    return TextTable(("job", *numbers, "ended", "counts"), rows, right=numbers)


def _metrics(metrics: list[dict[str, Any]]) -> TextTable:
    rows = [(one["method"], one["metric"], f"{one['value']:.4f}", f"{one['users']:,}") for one in metrics]
    return TextTable(("method", "metric", "value", "users"), rows, right=("value", "users"))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
