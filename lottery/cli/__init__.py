"""The command line parses, calls a study, prints. torch is imported inside commands, so that `--help` is instant."""

from lottery.cli.app import main

__all__ = ["main"]
