"""What a night needs of its machine, and what is said of a machine that lacks it."""

import os
import socket
from pathlib import Path

import pytest

from jobs.infra.machine import preflight
from jobs.infra.machine.preflight import folder, folders, free_memory, machine, memory


def lacking() -> dict[str, str]:
    """What this machine lacks, by name."""
    return {check.name: check.problem for check in machine("1k") if check.missing}


def java(path: Path, says: str, code: int = 0) -> str:
    (path / "bin").mkdir()
    program = path / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    program.chmod(0o755)
    return str(path)


def test_this_machine_runs_nights() -> None:
    assert lacking() == {}
    assert {check.name for check in machine("1k")} == {"packages", "Java", "bash", "user", "host name", "memory"}


@pytest.mark.parametrize(
    ("says", "code", "good"),
    [
        ('openjdk version "17.0.9" 2023-10-17', 0, True),
        ('openjdk version "21" 2023-09-19', 0, True),
        ('java version "1.8.0_392"', 0, False),
        ('openjdk version "11.0.21"', 0, False),
        ("Error occurred during initialization of VM", 1, False),
        ("hello", 0, False),
    ],
)
def test_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int, good: bool) -> None:
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, says, code))
    assert ("Java" not in lacking()) is good
    if not good:
        assert "install Java 17 or later" in lacking()["Java"]


def test_nothing_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert set(lacking()) == {"Java", "bash"}


def test_a_user_and_a_host_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 9)
    monkeypatch.setattr(socket, "gethostbyname", unknown)
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    assert set(lacking()) == {"user", "host name"}
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    assert set(lacking()) == {"user"}


def test_packages_that_are_missing_or_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ['pyspark==1.0; extra == "night"', 'no-such-thing>=2; extra == "night"', 'nothing; extra == "tune"']
    monkeypatch.setattr(preflight, "requires", lambda name: wanted)
    assert lacking()["packages"].endswith("no-such-thing is missing: pip install 'daybreak[night]'")
    assert "pyspark is 4" in lacking()["packages"]


def test_folders_that_nobody_may_write_to_or_that_are_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not folder("work", tmp_path / "not" / "yet", 1).problem
    assert not (tmp_path / "not").exists()
    assert "are needed" in folder("work", tmp_path, 2**60).problem
    assert "/proc" in folder("work", Path("/proc/1/no"), 1).problem
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", "/proc/none")
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc/none"])
    assert [check.problem[:10] for check in folders({}, 1)] == ["set TMPDIR"]


def test_memory_as_spark_reads_it() -> None:
    read = [memory(text) for text in ("2g", "512M", "1024k", "300", "1kb", "lots", "")]
    assert read == [2 << 30, 512 << 20, 1 << 20, 300 << 20, 1 << 10, 0, 0]
    short = next(check for check in machine("900t") if check.name == "memory")
    assert short.problem
    assert not short.missing


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert free_memory(tmp_path) == 500
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path) > 2**20
    assert free_memory(tmp_path / "none") > 2**20
