"""These errors are what the user can act on. Messages are one or two lines and end with the remedy."""


class LotteryError(Exception):
    """The user can fix it: a config, a path, a device. The command line exits with 2."""


class RunFailed(Exception):
    """A run started and can't go on. The command line exits with 1."""


class Interrupted(Exception):
    """A run was asked to stop and saved what it needs to go on. The command line exits with 130."""
