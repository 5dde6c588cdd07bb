"""The demo: a night on a year of real purchases, and a look at what came out (`make demo`)."""
