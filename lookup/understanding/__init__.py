"""What a query means, by day: spelling, price, size, colour, brand, category, synonyms, redirects; and suggestions."""
