"""What the nights behind some releases cost, by the receipts in their manifests."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobs.infra.receipts.used import USED
from lookup.errors import ReleaseError
from lookup.release import manifest as manifests
from lookup.release.manifest import Manifest

HOUR = 3600.0
MILLION = 1e6
EMBEDDING = ("embed_items", "embed_users")
"""The jobs that make vectors."""


@dataclass(frozen=True)
class StageCost:
    """What a job took. None: its receipt is of an earlier version of Daybreak, or there were no prices."""

    job: str
    seconds: float
    """With the start of the program before it."""
    cpu_seconds: float | None
    spark_seconds: float | None
    device_seconds: float | None
    core_hours: float | None
    """Held, busy or not."""
    money: float | None
    currency: str | None

    @classmethod
    def of(cls, receipt: Mapping[str, Any]) -> "StageCost":
        """As a receipt says it. A number that is none counts as missing."""
        used = receipt.get(USED)
        used = used if isinstance(used, Mapping) else {}
        own, start = _number(receipt.get("seconds")) or 0.0, _number(used.get("start_seconds")) or 0.0
        seconds, held, spark = own + start, _number(used.get("cores")), _number(used.get("spark_seconds"))
        currency = used.get("currency")
        return cls(
            job=str(receipt.get("job")),
            seconds=seconds,
            cpu_seconds=_number(used.get("cpu_seconds")),
            spark_seconds=None if spark is None else spark + start,
            device_seconds=_number(used.get("device_seconds")),
            core_hours=None if held is None else seconds * held / HOUR,
            money=_number(used.get("money")),
            currency=currency if isinstance(currency, str) else None,
        )


@dataclass(frozen=True)
class NightCost:
    """What the night of a release cost: its jobs up to `validate`."""

    release: str
    date: str
    lists: int
    """Of users, of items, popular ones, and of queries."""
    embeddings: int
    """Vectors of items and of users."""
    bytes: int
    """Of the release."""
    stages: tuple[StageCost, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> "NightCost":
        """As the manifest says it."""
        receipts, dims = manifest.all_receipts, manifest.dims
        queries = sum(_number(one.get("head_queries")) or 0 for one in receipts if one.get("job") == "index_search")
        return cls(
            release=manifest.id,
            date=manifest.date,
            lists=dims["U"] + dims["I"] + dims["C"] + 1 + int(queries),
            embeddings=dims["U"] + dims["I"],
            bytes=sum(fact.bytes for fact in manifest.files.values()),
            stages=tuple(map(StageCost.of, receipts)),
        )

    @property
    def seconds(self) -> float:
        """Of all jobs together."""
        return sum(stage.seconds for stage in self.stages)

    def total(self, name: str, jobs: Iterable[str] | None = None) -> float | None:
        """The sum of a number of `StageCost` over some jobs, None: all; None where one that ran does not tell it, and
        where none ran. Money in several currencies has no sum."""
        some = [stage for stage in self.stages if jobs is None or stage.job in jobs]
        found = [getattr(stage, name) for stage in some]
        if not found or None in found or (name == "money" and len({stage.currency for stage in some}) > 1):
            return None
        return float(sum(found))

    def to_json(self) -> dict[str, Any]:
        """All figures by name; null where one is not known."""
        hours, money = self.total("core_hours"), self.total("money")
        return {
            "kind": "night",
            **{name: getattr(self, name) for name in ("release", "date", "lists", "embeddings", "bytes", "seconds")},
            "spark_seconds": self.total("spark_seconds"),
            "core_hours": hours,
            "core_hours_per_million_lists": self.per_million_lists(hours),
            "core_hours_per_million_embeddings": self.per_million_embeddings(self.total("core_hours", EMBEDDING)),
            "money": money,
            "money_per_million_lists": self.per_million_lists(money),
            "money_per_million_embeddings": self.per_million_embeddings(self.total("money", EMBEDDING)),
            "currency": self.currency,
            "stages": [
                asdict(stage)
                | {
                    f"{name}_per_million_{what}": per(getattr(stage, name))
                    for name in ("core_hours", "money")
                    for what, per in (("lists", self.per_million_lists), ("embeddings", self.per_million_embeddings))
                }
                for stage in self.stages
            ],
        }

    @property
    def currency(self) -> str | None:
        """Of the money; None where prices name none."""
        return next((stage.currency for stage in self.stages if stage.currency), None)

    def per_million_lists(self, value: float | None) -> float | None:
        """A part of the night for a million of its lists."""
        return None if value is None else value * MILLION / self.lists

    def per_million_embeddings(self, value: float | None) -> float | None:
        """A part of the night for a million of its vectors; None where it has none."""
        return None if value is None or not self.embeddings else value * MILLION / self.embeddings


def nights(releases: Path) -> list[NightCost]:
    """The nights of all releases in a folder that can be read, the oldest first."""
    found = []
    for path in sorted(releases.glob(f"[!.]*/{manifests.FILE}")):
        try:
            found.append(NightCost.of(manifests.read(path.parent)))
        except ReleaseError:
            continue  # `daybreak releases` says what is wrong with it
    # An id begins with the second in which it was made; two of one second are in the order of their dates.
    return sorted(found, key=lambda night: (night.release.partition("-")[0], night.date, night.release))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
