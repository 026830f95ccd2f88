"""Initializers of sparse networks: `initializer(weight, mask, generator)` gives a masked layer its weights once its
mask is known, bool, of the same shape; `weight` is the dense draw that the mask may have been chosen by.
"""
