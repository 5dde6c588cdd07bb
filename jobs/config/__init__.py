"""The configuration: one TOML file, read into frozen dataclasses that pydantic checks.

    shop, learning, release   the sections: where the data are; what is learned; what a release holds and must pass
    search                    the sections of search: where the query log is, and how search is built
    search_files              the files that `[search]` names
    config                    all sections together, and the night that they are read for
    bounds                    the types of the fields, with bounds and the words of their errors
    toml                      a TOML table into a dataclass; every mistake in words
    loader                    a file into a `Config`
    presets                   settings for kinds of shops
    first                     `daybreak init`
    service_articles          items that look like no product

A new setting is a field of its section: a type of `bounds`, a default, and a docstring under it that explains the key.
The tests then try values inside and outside its bounds.
"""
