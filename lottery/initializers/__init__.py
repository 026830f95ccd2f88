"""Initializers: `initializer(shape, generator)` draws a weight; biases start at 0, normalisation at 1 and 0."""
