"""An experiment runner for lottery-ticket and sparse-training studies."""

__version__ = "0.1.0"
