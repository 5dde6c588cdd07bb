"""The processes of a fit start from any program, also from a script that guards nothing."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import multiprocessing
from jobs.infra.cluster.processes import without_main

print("the program", flush=True)
process = multiprocessing.get_context("spawn").Process(target=print, args=("the process",))
with without_main():
    process.start()
process.join()
print(process.exitcode)
"""


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "night.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, str(script)], env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n") == ["the program", "the process", "0", ""], done.stderr
