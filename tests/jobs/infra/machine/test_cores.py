"""Cores are those of the container, not of the machine."""

import os
from pathlib import Path

import pytest

from jobs.infra.machine.cores import usable_cores

ALL = float(len(os.sched_getaffinity(0)))


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


def test_without_a_quota_all_cores_count(tmp_path: Path, own: Path) -> None:
    assert usable_cores(tmp_path, own) == ALL
    group(tmp_path, cpu__max="max 100000\n")
    own.write_text("0::/\n")
    assert usable_cores(tmp_path, own) == ALL


def test_a_quota_may_be_a_part_of_a_core(tmp_path: Path, own: Path) -> None:
    group(tmp_path, cpu__max="50000 100000\n")
    assert usable_cores(tmp_path, own) == 0.5


def test_the_smallest_quota_of_the_groups_around_counts(tmp_path: Path, own: Path) -> None:
    group(tmp_path / "pods" / "pod", cpu__max="max 100000\n")
    group(tmp_path / "pods", cpu__max="25000 100000\n")
    group(tmp_path / "other", cpu__max="1000 100000\n")
    own.write_text("0::/pods/pod\n")
    assert usable_cores(tmp_path, own) == 0.25


def test_quotas_of_the_first_version_are_read(tmp_path: Path, own: Path) -> None:
    group(tmp_path / "cpu" / "docker", cpu__cfs_quota_us="75000\n", cpu__cfs_period_us="100000\n")
    group(tmp_path / "cpu", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    own.write_text("3:cpu,cpuacct:/docker\n4:memory:/other\n")
    assert usable_cores(tmp_path, own) == 0.75


def test_a_quota_that_cannot_be_read_limits_nothing(tmp_path: Path, own: Path) -> None:
    group(tmp_path, cpu__max="many\n")
    own.write_text("what\n")
    assert usable_cores(tmp_path, own) == ALL


def test_affinity_counts() -> None:
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_cores)})
    try:
        assert usable_cores() <= 1
    finally:
        os.sched_setaffinity(0, all_cores)
