"""Tasks: how many, with how many threads, and what is said of them."""

import time

import pytest

from jobs.infra.cluster.tasks import WAVES, partitions, task_threads, watching


@pytest.mark.parametrize(
    ("rows", "expected"), [(0, 2), (10, 2), (11, 2), (21, 4), (60, 6), (61, 8), (10_000, 2 * WAVES)]
)
def test_partitions_are_a_multiple_of_the_cores(spark, rows, expected):
    assert partitions(spark, rows, 10) == expected


def test_a_task_has_the_threads_that_spark_gives_it(spark):
    assert task_threads() == 1
    assert spark.sparkContext.parallelize([0], 1).map(lambda _: task_threads()).collect() == [1]


def test_watching_says_how_far_tasks_are(spark, capsys):
    def slow(_):
        time.sleep(0.6)

    with watching(spark, "topk", "users", every=0.1):
        spark.sparkContext.parallelize(range(2), 2).foreach(slow)
    lines = capsys.readouterr().out.splitlines()
    assert any("topk users tasks_done=0 of=2" in line for line in lines)
    time.sleep(0.3)
    assert capsys.readouterr().out == ""  # nothing more once the block has ended
