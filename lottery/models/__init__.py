"""Networks: `model(shape, classes, *, options)` returns a module; its last layer is called `output`.

`shape` is channels, height and width of an image, any size where a file says nothing else; `classes` the number of
outputs. An option `scale`, a factor on all widths, is what `model.small_dense` asks for, and nothing else.
"""
