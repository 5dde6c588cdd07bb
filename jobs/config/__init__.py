"""The configuration: sections with their bounds, loader, presets."""
