"""A call, from the state it reads to the hits it answers with."""
