"""Where a run's files lie: the disk of this machine, and storage that the driver and all executors reach by a URL."""
