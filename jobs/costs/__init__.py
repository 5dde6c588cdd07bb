"""What nights cost, by their receipts; what live model calls would; and what a larger shop's night will."""
