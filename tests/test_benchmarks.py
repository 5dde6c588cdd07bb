"""Every benchmark runs to its end at toy size, and the list names each of them."""

import subprocess
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.benchmarks import catalogue
from tests.benchmarks.__main__ import main
from tests.benchmarks.catalogue import BENCHMARKS, Benchmark

FOLDER = Path(catalogue.__file__).parent
ROOT = FOLDER.parents[1]
PRINTS = {
    "lookup": "list short and filled",
    "neighbours": "voyager",
    "plain": "the jobs that the script does, too",
    "open": "all, with Python and numpy",
    "day": "recommend_many:",
    "variants": "list, groups opened",
    "ranker": "features and forward pass, 32 hidden units",
    "lexical": "bm25s",
    "understanding": "suggest, 1 to 12 letters, a third wrong",
    "search": "all, with Python and numpy",
    "swap": "answers of 1 processes, 0 wrong",
    "topk": "MLlib ALS",
    "transitions": "the same numbers: yes",
    "embed": "sentence-transformers",
    "kept": "none new",
    "constants": "simulated, ratio",
    "gpu": "behaviour model, 16 users, 50 items",
    "query_encoder": "as quick as all",
    "patch_kill": "Valkey, appendfsync everysec and WAITAOF",
    "log_chaos": "damaged, then replaced by a copy",
    "publish_race": "errors in readers and writers, empty CURRENTs: 0",
    "travel": "what must hold and does not: 0",
    "flip": "flips that verify did not tell: 0",
    "job_kill": "the next night completed",
    "spelling": "new queries, new words",
    "look": "cosine of what words say of a look",
    "prices": "price of the week",
    "ablation": "without temperature",
    "warm_start": "ratio",
    "freshness": "after the first basket",
}
"""Of each benchmark some words of what it prints last."""
BY_HAND = {"changed", "executors"}
"""Whole nights take more than a minute; `tests/jobs/unchanged` has what they rest on."""


def test_the_list_names_every_benchmark_on_disk() -> None:
    listed = [one.module for one in BENCHMARKS]
    assert len(set(listed)) == len(listed)
    shared = {"__init__", "__main__", "catalogue", "peers"}
    on_disk = {
        ".".join(path.with_suffix("").relative_to(ROOT).parts)
        for path in FOLDER.rglob("*.py")
        if path.stem not in shared and path.parent.name != "shared"
    }
    assert on_disk == set(listed)


@pytest.mark.parametrize("one", [one for one in BENCHMARKS if one.name not in BY_HAND], ids=lambda one: one.name)
def test_a_benchmark_runs_to_its_end(one: Benchmark, spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    assert one.run(["--toy"]) == 0
    assert PRINTS[one.name] in capsys.readouterr().out


def test_the_command_lists_what_each_measures_takes_and_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    for one in BENCHMARKS:
        assert one.name in told
        assert one.measures in told
        assert one.takes in told
        assert one.needs in told


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["looked_up"]) == 2
    assert "no benchmark 'looked_up'; there are topk, neighbours, " in capsys.readouterr().err


def test_one_after_another_goes_on_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    two = (Benchmark("serving", "ranker", "one that runs", ""), Benchmark("serving", "missing", "one that fails", ""))
    monkeypatch.setattr("tests.benchmarks.__main__.BENCHMARKS", two[::-1])
    monkeypatch.chdir(ROOT)
    assert main(["quick", "--toy"]) == 1
    told = capfd.readouterr()
    assert "1 of 2 benchmarks ran to their end" in told.out
    assert "failed: missing" in told.err


def test_make_bench_runs_the_list() -> None:
    """Those beside peers, and with KEEP=1 it writes the ratios to be committed."""
    for words, what in ((), "peers"), (("KEEP=1",), "peers --keep"):
        # Without the lines that a make prints below another make, as where `make test` runs this.
        command = ["make", "--no-print-directory", "--dry-run", "--old-file=.venv/ready", "bench", *words]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert told.stdout.splitlines()[-1].rstrip().endswith(f"python -m tests.benchmarks {what}")
