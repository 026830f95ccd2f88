"""Analyses: `analysis(trained)` looks at what the networks of a run became, and yields what it finds, piece by piece.

An analysis is given the finished networks of a run (`lottery.explaining.trained.Trained`), read only: where each
started, where it ended, the solution that its mask was pruned from, subjects with data. It yields pieces
(`lottery.explaining.piece.Piece`): each says what it is of, and how to find it, which is done only where it isn't there
yet. Every piece becomes a line of `analysis/NAME.jsonl` in the run directory. Pieces come in an order that follows from
the run alone, and those that are there before a run is extended are there afterwards.

What an analysis lacks, it says by a LotteryError that ends in the command that makes it.

A file says in `SHOWN` what its lines mean: a function from its lines to an `Exhibit` (`lottery.exhibits`).
"""
