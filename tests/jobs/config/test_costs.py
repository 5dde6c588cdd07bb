"""Prices: what is none is refused with the key, and money follows what a job held."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.config.release import CostsConfig
from jobs.config.toml import fill
from jobs.errors import ConfigError
from jobs.infra.receipts.used import MONEY, JobUse

PRICES = ("core_hour", "gib_hour", "gpu_hour", "gb_month", "gb_sent")
price = st.floats(0, 1000)


def used(**given: Any) -> JobUse:
    return JobUse(**({one.name: 0 for one in fields(JobUse) if one.name not in MONEY} | given))


@pytest.mark.parametrize("value", [-0.01, float("nan"), float("inf"), 1e7, "0.05", "€ 0.05", True])
@pytest.mark.parametrize("key", PRICES)
def test_what_is_no_price_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"shop\.toml: costs\.{key} must be a price, a number from 0 to 1,000,000"):
        fill(CostsConfig, {key: value}, "shop.toml", "costs.")


@pytest.mark.parametrize("currency", ["EUR", "€", "US$", "zł", "₽"])
def test_a_currency_is_a_name_or_a_sign(currency: str) -> None:
    assert fill(CostsConfig, {"currency": currency}, "").currency == currency


@pytest.mark.parametrize("currency", ["", " ", "euros of 2026", "<b>", "E\nUR", "\x1b[31m", 5])
def test_other_currencies_are_refused(currency: object) -> None:
    with pytest.raises(ConfigError, match=r"costs\.currency must be a name or a sign of at most 8 letters"):
        fill(CostsConfig, {"currency": currency}, "", "costs.")


def test_without_prices_there_is_no_money() -> None:
    job = used(cores=4.0, memory_mib=1024)
    assert not CostsConfig().priced
    assert CostsConfig().with_money(job, 3600) is job
    assert CostsConfig(gb_month=0.02, cores=2.0).with_money(job, 3600) is job  # of releases, not of jobs


def test_a_price_of_zero_is_a_price() -> None:
    free = CostsConfig(core_hour=0, currency="EUR")
    assert free.priced
    found = free.with_money(used(cores=4.0), 3600)
    assert (found.money, found.currency) == (0.0, "EUR")


def test_a_job_pays_for_what_it_held() -> None:
    prices = CostsConfig(core_hour=0.05, gib_hour=0.01, gpu_hour=2)
    job = used(start_seconds=600.0, cores=4.0, memory_mib=2048, device_seconds=900.0, cpu_seconds=1.0)
    assert prices.of_job(job, 3000) == pytest.approx(4 * 0.05 + 2 * 0.01 + 0.25 * 2)


@given(price, price, price, st.floats(0, 1e5), st.floats(1, 64))
def test_money_never_falls_with_a_price_or_with_time(
    core: float, gib: float, gpu: float, seconds: float, cores: float
) -> None:
    prices = CostsConfig(core_hour=core, gib_hour=gib, gpu_hour=gpu)
    dearer = CostsConfig(core_hour=core + 1, gib_hour=gib, gpu_hour=gpu)
    job = used(cores=cores, memory_mib=1000, device_seconds=seconds / 2)
    less, more, longer = prices.of_job(job, seconds), dearer.of_job(job, seconds), prices.of_job(job, seconds + 1)
    assert less is not None
    assert more is not None
    assert longer is not None
    assert 0 <= less <= more
    assert less <= longer
