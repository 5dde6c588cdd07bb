"""How many threads multiply does not depend on what else the machine does."""

import os
import subprocess
import sys

import pytest

SAYS = "import jobs.models.behaviour.fit, os; print(os.environ['MKL_DYNAMIC'])"


@pytest.mark.parametrize(("given", "said"), [({}, "FALSE"), ({"MKL_DYNAMIC": "TRUE"}, "TRUE")])
def test_mkl_keeps_its_threads_unless_told_otherwise(given: dict[str, str], said: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "MKL_DYNAMIC"} | given
    done = subprocess.run([sys.executable, "-c", SAYS], env=env, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == said
