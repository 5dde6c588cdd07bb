"""`python -m jobs.cli`, the same as the command `daybreak`."""

import sys

from jobs.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
