"""Serving: a call, from the state that it reads to the hits that it answers with."""
