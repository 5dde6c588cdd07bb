"""How `daybreak cost` shows its figures: as tables and lines, or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from jobs.cli.output import TextTable, show, show_json
from jobs.config.release import CostsConfig
from jobs.costs.constants import Constants
from jobs.costs.live import ASSUMPTIONS, LiveCall
from jobs.costs.nights import EMBEDDING, NightCost
from jobs.costs.simulation import Simulation, assumptions

A_MILLION = ("a million lists", "a million vectors")
NOTE = """\
core-hours: of cores held, busy or not. "Spark's own" has the start of programs. A try that failed leaves no receipt,
and an earlier version no core-hours; `publish` is left out, because it ends after the release is announced."""


def show_nights(found: Sequence[NightCost], prices: CostsConfig, *, json: bool) -> None:
    """The nights, the oldest first, and each job of the newest one."""
    if json:
        show_json(one.to_json() for one in found)
        return
    head = ("night of", "release", "lists", "seconds", "Spark's own", "core-hours", *A_MILLION)
    money = ("money", "money, lists")
    show(TextTable((*head, *money), [_night(one) for one in found], right=(*head[2:], *money)))
    print()
    last = found[-1]
    prices_of = ("money", "money, lists", "money, vectors")
    names = ("seconds", "cpu seconds", "Spark's own", "core-hours", *A_MILLION, *prices_of)
    rows = []
    for stage in last.stages:
        spark = _share(stage.spark_seconds, stage.seconds)
        row = [stage.job, f"{stage.seconds:,.1f}", _number(stage.cpu_seconds), spark]
        row += map(_number, (stage.core_hours, *_both(last, stage.core_hours)))
        row += (_money(value, stage.currency) for value in (stage.money, *_both(last, stage.money)))
        rows.append(row)
    show(TextTable(("job", *names), rows, right=names))
    print()
    gigabytes = last.bytes / 1e9
    if prices.gb_month is not None:
        print(f"the release takes {gigabytes:,.3f} GB: {_money(gigabytes * prices.gb_month, prices.currency)} a month")
    if prices.gb_sent is not None:
        print(f"sent to one host it costs {_money(gigabytes * prices.gb_sent, prices.currency)}")
    if not prices.priced:
        print("no money: [costs] of the configuration has no prices")
    print(NOTE)


def show_live(night: NightCost, call: LiveCall, calls: int, prices: CostsConfig, *, json: bool) -> None:
    """What so many calls cost: of a live model, and looked up in the release of a night."""
    hours, price = night.total("core_hours"), prices.core_hour
    ways = {"": call, ", where no text is read": call.without_text}
    found = {f"live{what}": one.core_hours(calls) for what, one in ways.items()}
    even = {} if hours is None else {f"live{what}": one.break_even(hours) for what, one in ways.items()}
    if hours is not None:
        found["a night and lookups"] = hours + call.lookup_hours(calls)
    money = {name: None if price is None else value * price for name, value in found.items()}
    if json:
        figures = {"calls": calls, "core_hours": found, "money": money, "currency": prices.currency, "break_even": even}
        show_json([{"kind": "live", "release": night.release, **asdict(call), **figures, "assumptions": ASSUMPTIONS}])
        return
    print(f"\nrelease {night.release}, {call.items:,} items of {call.dimensions} coordinates, a core of this machine")
    parts = {
        "the text model reads a text": call.text,
        f"the history becomes a vector ({call.events} events)": call.vector,
        "all items are scored": call.scoring,
        "a live call": call.seconds,
        "the same list, looked up": call.lookup,
    }
    times = [(name, f"{seconds * 1e6:,.0f}") for name, seconds in parts.items()]
    show(TextTable(("a call", "µs"), times, right=("µs",)))
    print()
    head = (f"{calls:,} calls a day", "core-hours", "money")
    rows = [(name, _number(value), _money(money[name], prices.currency)) for name, value in found.items()]
    show(TextTable(head, rows, right=head[1:]))
    for name, number in even.items():
        if number is not None:
            print(f"the night costs as much as so many calls, {name}: {number:,.0f}")
    print(*ASSUMPTIONS, sep="\n")


def show_simulation(night: Simulation, constants: Constants, prices: CostsConfig, hosts: int, *, json: bool) -> None:
    """A simulated night with its assumptions. hosts: to which the release is sent."""
    money, said = night.money(prices, hosts), assumptions(night.size, constants, night.gpus)
    if json:
        names = ("cores", "gpus", "seconds", "core_hours", "gpu_hours", "array_bytes", "release_bytes", "run_bytes")
        figures = asdict(night.size) | {name: getattr(night, name) for name in names}
        steps = [asdict(step) | {"seconds": step.seconds} for step in night.steps]
        priced = {"hosts": hosts, "money": money, "currency": prices.currency}
        more = {"steps": steps, "assumptions": said, "constants": constants.to_json()}
        show_json([{"kind": "simulation", **figures, **priced, **more}])
        return
    on = f"on {night.cores} cores" + (f", {night.gpus} GPUs" if night.gpus else "")
    head = ("a night", "amount", "a second", "of a", "hours", on)
    rows = []
    for step in night.steps:
        of, side = ("GPU", night.gpus) if step.on_gpu else ("core", night.cores)
        amounts = (f"{step.amount:,.3g} {step.unit}", f"{step.rate:,.3g}", of)
        rows.append((step.name, *amounts, _number(step.hours), _duration(step.seconds / side)))
    rows.append(("all", "", "", "", _number(night.core_hours + night.gpu_hours), _duration(night.seconds)))
    show(TextTable(head, rows, right=(*head[1:3], *head[4:])))
    sizes = (("arrays", night.array_bytes), ("release", night.release_bytes), ("tables of a run", night.run_bytes))
    print("\n" + ", ".join(f"{name} {value / 1e9:,.1f} GB" for name, value in sizes))
    if money is None:
        print("no money: [costs] of the configuration has no prices")
    else:
        print(", ".join(f"{name} {_money(value, prices.currency)}" for name, value in money.items()))
    print("", *said, sep="\n")


def _night(one: NightCost) -> list[str]:
    hours, money = one.total("core_hours"), one.total("money")
    vectors = one.per_million_embeddings(one.total("core_hours", EMBEDDING))
    row = [one.date, one.release, f"{one.lists:,}", f"{one.seconds:,.0f}"]
    row += [_share(one.total("spark_seconds"), one.seconds)]
    row += map(_number, (hours, one.per_million_lists(hours), vectors))
    return [*row, *(_money(value, one.currency) for value in (money, one.per_million_lists(money)))]


def _both(night: NightCost, value: float | None) -> tuple[float | None, float | None]:
    return night.per_million_lists(value), night.per_million_embeddings(value)


def _money(value: float | None, currency: str | None) -> str:
    if value is None:
        return ""
    told = f"{value:,.2f}" if value == 0 or value >= 1 else f"{value:.2g}"
    return f"{told} {currency}" if currency else told


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.1f}" if value == 0 or value >= 10 else f"{value:.3g}"


def _share(part: float | None, whole: float) -> str:
    return "" if part is None or not whole else f"{min(part / whole, 1.0):.0%}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
