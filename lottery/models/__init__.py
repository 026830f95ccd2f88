"""Networks: `model(shape, classes, *, options)` returns a module; its last layer is called `output`."""
