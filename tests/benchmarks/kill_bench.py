"""Kill any job of the night at a random moment, 20 times: what is served stays whole, and the next night completes.

python tests/benchmarks/kill_bench.py [--kills 20] [--seed 1]
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lookup
from jobs.night import JOBS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.slices import NIGHT, write_slice  # noqa: E402 - this file is a script; its folder comes first on the path


def start(config: Path, *words: str) -> subprocess.Popen[bytes]:
    """A command of daybreak in a process group of its own, with all that it starts."""
    command = [sys.executable, "-m", "jobs.cli.main", *words, "--config", str(config), "--date", NIGHT]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet)


def main() -> int:
    """Run the benchmark; returns 1 when anything that must hold did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        config = write_slice(Path(folder), users=60, items=600)
        assert start(config, "run").wait() == 0, "the first night failed"
        reader = lookup.open(Path(folder) / "releases")
        first = reader.release.id
        asked = wrong = kills = 0
        while kills < arguments.kills:
            job = rng.choice(list(JOBS))
            after = rng.uniform(1, 12)
            running = start(config, "job", job, *(["--full"] if job == "train" else []))
            ends = time.monotonic() + after
            while time.monotonic() < ends and running.poll() is None:
                asked += 1
                hits = reader.recommend("1", k=20)
                wrong += len(hits) != 20 or {hit.source for hit in hits} != {"list"} or reader.problem is not None
                time.sleep(0.01)
            ended = running.poll()
            if ended is None:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                kills += 1
            current = lookup.open(Path(folder) / "releases", verify=True).release.id
            done = f"killed after {after:4.1f} s" if ended is None else f"ended before ({ended})"
            print(f"{kills:>3}  {job:<12} {done:<20} serving {current}, every byte verified", flush=True)
        completed = start(config, "run").wait()
        last = lookup.open(Path(folder) / "releases", verify=True).release.id
        print(f"{asked:,} recommendations asked meanwhile, {wrong} wrong")
        print(f"the next night {'completed' if completed == 0 and last != first else 'FAILED'}: {first} → {last}")
        left = [p.name for p in (Path(folder) / "releases").glob(".*")]
        print(f"left over in releases/: {left or 'nothing'}")
        return int(wrong > 0 or completed != 0 or last == first or bool(left))


if __name__ == "__main__":
    sys.exit(main())
