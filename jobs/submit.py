"""The program that spark-submit starts: `submit.py JOB… --resume --config FILE --date YYYY-MM-DD --full true|false`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # spark-submit puts this file's folder first on the path, where its modules would be top-level ones. The folder
    # above holds `jobs` and `lookup` where they are not installed.
    here = Path(__file__).resolve().parent
    sys.path = [p for p in sys.path if Path(p or ".").resolve() != here] + [str(here.parent)]

    from jobs.cli.main import main

    sys.exit(main(["job", "--submitted", *sys.argv[1:]]))
