"""Benchmarks: `python -m tests.benchmarks` lists them.

python -m tests.benchmarks NAME --help     what a benchmark measures, and its options
python -m tests.benchmarks NAME            run one
python -m tests.benchmarks NAME --toy      on a made data set, in seconds: to see that it runs
python -m tests.benchmarks peers           those that have peers, as one table, as `make bench` does
python -m tests.benchmarks quick           the quick ones, one after another
python -m tests.benchmarks all             the long ones too
"""

import subprocess
import sys

from tests.benchmarks import peers
from tests.benchmarks.catalogue import BENCHMARKS, Benchmark, listed


def main(argv: list[str]) -> int:
    """Run what the arguments name; the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"{__doc__}\n{listed()}")
        return 0
    name, rest = argv[0], argv[1:]
    if name in ("quick", "all"):
        return one_after_another([one for one in BENCHMARKS if name == "all" or not one.long], rest)
    if name == "peers":
        return peers.main(rest)
    found = {one.name: one for one in BENCHMARKS}
    if name not in found:
        print(f"no benchmark {name!r}; there are {', '.join(found)}, peers, quick and all", file=sys.stderr)
        return 2
    return found[name].run(rest)


def one_after_another(benchmarks: list[Benchmark], options: list[str]) -> int:
    """Each in a process of its own, to the last one; 1 when any failed."""
    failed = []
    for one in benchmarks:
        print(f"── {one.name}: {one.measures}; takes {one.takes}", flush=True)
        if subprocess.run([sys.executable, "-m", "tests.benchmarks", one.name, *options], check=False).returncode:
            failed.append(one.name)
    print(f"── {len(benchmarks) - len(failed)} of {len(benchmarks)} benchmarks ran to their end", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
