"""The night: Spark jobs that turn the files of a shop into a release. One package a stage."""

import os

# Before anything imports torch. By default MKL multiplies with fewer threads where the machine is busy, which adds in
# another order: the same data and seed would not give the same model.
os.environ.setdefault("MKL_DYNAMIC", "FALSE")
