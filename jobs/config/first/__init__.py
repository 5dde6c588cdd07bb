"""`daybreak init`: look at the files of a shop, and write a first configuration with the guesses explained.

write      find the files, look, decide, write
looking    files → rows, whatever compresses and encodes them
grouping   files of one kind → one glob
names      names of columns in many languages → keys of the configuration
contents   what the values of a column are: times, numbers, switches, paths
roles      which files are events, which are items, and which of their columns is which
orders     whole files of events: types, guests, returns, articles of service
table      the lines of one table of the configuration
template   the whole configuration as TOML
"""
