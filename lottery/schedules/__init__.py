"""Schedules: `schedule(step, length, epoch, *, options)` is the factor on the learning rate at a step, from 0.

`length` and `epoch` are in steps, too: of all of training, and of one epoch. A pure function of the step: rewinding to
step k goes on with the learning rate of step k.
"""
