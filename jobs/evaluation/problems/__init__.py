"""Problems: what a method learns from, and which items it must find for whom."""
