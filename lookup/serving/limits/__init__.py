"""What limits a list: conditions and masks, what may not be shown, diversity, and one of each group of variants."""
