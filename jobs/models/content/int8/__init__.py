"""Text vectors in int8 on a CPU, by compiled code; where that does not run, torch makes them."""
