"""The command line: parse, call a study, print."""

from lottery.cli.commands import main

__all__ = ["main"]
