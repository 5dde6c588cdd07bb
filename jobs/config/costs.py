"""The section of the configuration that says what a night's machines cost."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from jobs.config.bounds import TABLE, Expected, Within
from jobs.infra.receipts.used import Used

Price = Annotated[float, Within(0, 1_000_000, noun="a price, a number")]
Cores = Annotated[float, Within(0, 100_000, above=True, noun="cores, a number")]
Currency = Annotated[
    str,
    Field(pattern=r"\A[\p{L}\p{Sc}]{1,8}\z"),
    Expected('a name or a sign of at most 8 letters, such as "EUR" or "€"'),
]
HOUR = 3600.0
GIB = 1024
"""MiB."""


@dataclass(frozen=True, config=TABLE)
class CostsConfig:
    """`[costs]`: prices. Without one, no money is shown anywhere; with some, the others count nothing."""

    currency: Currency | None = None
    """Of all prices, for people: "EUR", "$"."""
    core_hour: Price | None = None
    """Of a core for an hour, while a job holds it, busy or not."""
    gib_hour: Price | None = None
    """Of a GiB of memory for an hour. A job pays for the most that its processes took at one time."""
    gpu_hour: Price | None = None
    """Of a GPU for an hour, while functions of Daybreak ran with it."""
    gb_month: Price | None = None
    """Of a GB (10⁹ bytes) of storage for a month."""
    gb_sent: Price | None = None
    """Of a GB (10⁹ bytes) sent to a host that serves."""
    cores: Cores | None = None
    """The cores that a night holds on the driver's machine; by default all that it may use there. It may hold fewer
    of a machine that others use, too."""

    @property
    def priced(self) -> bool:
        """Whether there is a price of anything."""
        return any(one is not None for one in (*self._of_jobs, self.gb_month, self.gb_sent))

    @property
    def _of_jobs(self) -> tuple[float | None, ...]:
        return (self.core_hour, self.gib_hour, self.gpu_hour)

    def of_job(self, used: Used, seconds: float) -> float | None:
        """The money of a job, with the start of the program before it; None where no price concerns jobs. seconds: of
        the job, wall time."""
        if all(price is None for price in self._of_jobs):
            return None
        hours = (seconds + used.start_seconds) / HOUR
        held = (hours * used.cores, hours * used.memory_mib / GIB, used.device_seconds / HOUR)
        return sum(amount * (price or 0.0) for amount, price in zip(held, self._of_jobs, strict=True))

    def with_money(self, used: Used, seconds: float) -> Used:
        """What a job took, with its money; the same where no price concerns jobs."""
        money = self.of_job(used, seconds)
        return used if money is None else replace(used, money=round(money, 6), currency=self.currency)
