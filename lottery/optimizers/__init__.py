"""Optimizers: `optimizer(weights, *, lr, ...)` is one of torch's, elementwise, so that it may step stacked tensors.

Their slots start at zero. An elementwise optimizer moves a weight that is zero, with a gradient and slots of zero, by
exactly zero (decay included): masking the gradient keeps a pruned weight pruned.
"""
