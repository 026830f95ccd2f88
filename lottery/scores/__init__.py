"""A score, `score(subject, generator)`, rates each weight of one network; pruning removes the lowest.

A score only looks: it takes what it needs from the subject, random numbers from the generator, and returns new tensors.
A file may say in `TRAITS` what its score can't do without (`data`: training images; `trained`: a network that has been
trained, and its weights at initialization) and in `ROUNDS` over how many rounds of pruning it is applied where nobody
says otherwise.
"""
