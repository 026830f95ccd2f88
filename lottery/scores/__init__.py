"""Scores: `score(weights, generator)` rates each weight of one network; pruning removes the lowest."""
