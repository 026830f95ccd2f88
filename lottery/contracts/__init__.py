"""Contracts say what every entry of a kind must fulfil, whoever wrote it: one file for each folder of the registry.

A check is a function of a candidate. The first sentence of its docstring is what it demands, as a user reads it; it
raises `Broken` with what it found and how to mend that, and may return a remark. A kind's first check is what its
others build on.
"""
