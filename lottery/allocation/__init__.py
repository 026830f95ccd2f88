"""Allocations: `allocation(density, shapes)` says how many weights each layer keeps.

A float is the density of all layers ranked together; a dict holds a density for each layer, ranked by itself.
"""
