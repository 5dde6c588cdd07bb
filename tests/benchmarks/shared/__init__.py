"""What the benchmarks share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""Of the checkout."""
