"""What changed after the release was built: patches, their log and its two stores."""
