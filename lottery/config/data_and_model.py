"""Sections `data` and `model` say what is learnt, and which network learns it."""

from typing import Annotated

from pydantic import Field

from lottery.config.choices import Choice, Section
from lottery.config.values import NumberOrFraction, Proportion


class Augment(Section):
    """Training images are changed at random, anew each epoch."""

    crop: Annotated[int, Field(ge=0, le=32)] = 0
    """Pixels of black border, from which an image of the original size is cropped at random; 4 is usual for CIFAR."""
    flip: bool = False
    """Mirror half of the images."""


class Data(Choice):
    """The data set says what to learn."""

    kind = "data"
    argument = "data"
    validation: NumberOrFraction = 0.1
    """Training images set aside for validation, drawn anew for each replicate: a number, or a fraction of them."""
    augment: Augment = Field(default_factory=Augment)


class Task(Choice):
    """The loss that is minimised, and the metrics that networks are told apart by."""

    kind = "tasks"


class Initializer(Choice):
    """An initializer says how weights are drawn."""

    kind = "initializers"


class Model(Choice):
    """The model is the network that learns."""

    kind = "models"
    argument = "model"
    initializer: Initializer = Field(default_factory=lambda: Initializer(name="kaiming_normal"))
    """Draws the weights of linear and convolution layers, whose biases start at 0; all else is as the model's own code
    draws it."""
    prunable: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Name patterns of the parameters that masks cover and densities count, such as `*.weight`; where nothing is said,
    all matrix-like weights: of linear, convolution, embedding, recurrent and attention layers, and all others of two
    dimensions or more, without biases and normalisation."""
    exclude: tuple[str, ...] = ()
    """Name patterns of parameters that masks don't cover and densities don't count after all."""
    small_dense: Proportion | None = None
    """Narrow the hidden layers alike until the network has this share of its weights: the small dense network that a
    sparse one of this density has to beat."""
