"""What can go wrong in a way that the user can act on. Messages are one or two lines and end with the remedy."""


class LotteryError(Exception):
    """Something the user can fix: a config, a path, a device. The command line exits with 2."""


class RunFailed(Exception):
    """A run that started and can't go on. The command line exits with 1."""


class Interrupted(Exception):
    """A run that was asked to stop and saved what it needs to go on. The command line exits with 130."""
