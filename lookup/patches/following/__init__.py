"""How a reader follows the patch log: which log it is, whether it answers, and what it lacks."""
