"""Stage `publish`: announce the validated release of the run."""
