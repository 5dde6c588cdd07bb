"""The night: Spark jobs that turn the files of a shop into a release. One package a stage."""
