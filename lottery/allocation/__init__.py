"""Allocations: `allocation(density, shapes)` says how many weights each layer keeps.

`density` is the kept fraction of all weights, `shapes` name -> shape of each layer's, outputs and inputs first, in the
order in which the network defines them. A float is the density of all layers ranked together; a dict holds one for each
layer, ranked by itself. Where a density can't be had, a ValueError names a layer and says why in one line.
"""
