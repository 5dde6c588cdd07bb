"""The text files of a shop, CSV and JSON: opened whatever compresses and encodes them, one record a line."""
