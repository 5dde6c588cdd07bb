"""What the night learns about queries: words and spelling, intents, synonyms, suggestions. Pure numpy."""
