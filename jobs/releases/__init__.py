"""What the night and people do with releases: report pages, announce, roll back, list, prune."""
