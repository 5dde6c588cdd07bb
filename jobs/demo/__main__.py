"""`python -m jobs.demo`: run the night, show what came out."""

import os
import subprocess
import sys

from jobs.demo import show
from jobs.demo.airflow import CONFIG, DATE, PRIVATE, configure, environment, prepare
from jobs.demo.night import run

LOG = CONFIG.parent / "night.log"


def main() -> int:
    """Run the demo; returns the exit code."""
    if len(sys.argv) > 1:
        print(f"demo: no arguments are expected, not {' '.join(sys.argv[1:])}", file=sys.stderr)
        return 2
    os.umask(PRIVATE)
    configure()
    env = environment()
    print(
        f"demo: the night of {DATE} on {CONFIG}, through Airflow and Spark; everything is logged in {LOG}", flush=True
    )
    try:
        prepare(env)
    except subprocess.CalledProcessError as error:
        print(f"{error.output}\ndemo: {error}", file=sys.stderr)
        return 1
    if not run(env, LOG):
        print("\n".join(LOG.read_text(errors="replace").splitlines()[-40:]), file=sys.stderr)
        print(f"\ndemo: the night failed; above are the last lines of {LOG}", file=sys.stderr)
        return 1
    show.everything()
    return 0


if __name__ == "__main__":
    sys.exit(main())
