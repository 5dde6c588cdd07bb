"""Compiled code for the few loops that no library has: built when Daybreak is installed, where there is a C++ compiler.

Its sources are beside the modules that call it. Nothing needs it: each caller has another way.
"""
