"""The command `daybreak receipt`."""

from typing import Any

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, NightDate, load
from jobs.cli.output import TextTable, on_terminal, show_json


def receipt(night: NightDate, config: ConfigFile = DEFAULT_CONFIG, json: Json = False) -> None:
    """Print what the night of a date did: what each job counted, its seconds and memory, and the metrics.

    A terminal shows tables. A pipe gets one line of JSON, as with --json.

    Example: daybreak receipt --date 2026-11-22 --json
    """
    run = load(config, night).run
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
        rows.append((one["job"], f"{one['seconds']:,.1f}", f"{one['peak_mib']:,}", one["ended"], counts))
    return TextTable(("job", "seconds", "peak MiB", "ended", "counts"), rows, right=("seconds", "peak MiB"))


def _metrics(metrics: list[dict[str, Any]]) -> TextTable:
    rows = [(one["method"], one["metric"], f"{one['value']:.4f}", f"{one['users']:,}") for one in metrics]
    return TextTable(("method", "metric", "value", "users"), rows, right=("value", "users"))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
