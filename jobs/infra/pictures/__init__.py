"""Pictures of items: which addresses may be read, and how, within limits.

guard     which hosts and files may be read at all
fetch     the bytes of an address, by http(s) or from a file
"""
