"""The ranker of clicks and conversions: its samples, point-in-time features and fit."""
