"""`python -m jobs.demo`: run the night, show what came out."""

import sys

from jobs.demo import night, show
from jobs.demo.airflow import CONFIG, DATE, configure


def main() -> int:
    """Run the demo; returns the exit code."""
    configure()
    print(f"The night of {DATE} on {CONFIG}, through Airflow and Spark; all output in {night.LOG}", flush=True)
    if not night.run():
        night.explain()
        return 1
    show.everything()
    return 0


if __name__ == "__main__":
    sys.exit(main())
