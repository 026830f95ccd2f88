"""Allocations: `allocation(density, shapes)` says how many weights each layer keeps.

A float is the density of all layers ranked together; a dict holds a density for each layer, ranked by itself. Layers
come in the order in which the network defines them. Where a density can't be had, a ValueError names a layer and says
why in one line.
"""
