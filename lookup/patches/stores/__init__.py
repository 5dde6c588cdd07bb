"""How the two stores of the patch log keep it: files, tables and connections."""
