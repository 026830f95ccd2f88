"""The commands `init` and `configs` give a user a config to start from."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lottery.cli import completion
from lottery.errors import LotteryError
from lottery.streams import message


def init(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="One that `lottery configs` lists.", autocompletion=completion.shipped_configs
        ),
    ] = "quickstart",
) -> None:
    """Write a config into the current folder, to run and to change."""
    from lottery.config import shipped
    from lottery.store.files import write_text

    found = shipped.find(name)
    own = Path(found.name)
    if os.path.lexists(own):
        raise LotteryError(f"{own} is there already and stays as it is; rename it, or go elsewhere")
    write_text(own, found.read_text(encoding="utf-8"), then="call `lottery init` again")
    message(f"{own} is written; run it: lottery {shipped.command(own)} {own}")


def list_configs() -> None:
    """List the configs that `lottery init` writes."""
    from lottery.config import shipped

    known = shipped.configs()
    width = max(map(len, known))
    for name, path in known.items():
        print(f"{name:{width}}  {shipped.title(path)}")
