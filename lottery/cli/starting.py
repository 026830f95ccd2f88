"""The commands `init` and `configs` give a user a config to start from."""

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

    found = shipped.find(name)
    own = Path(found.name)
    try:
        with own.open("x", encoding="utf-8") as file:
            file.write(found.read_text(encoding="utf-8"))
    except FileExistsError:
        raise LotteryError(f"{own} is there already and stays as it is; rename it, or go elsewhere") from None
    message(f"{own} is written; run it: lottery {shipped.command(own)} {own}")


def list_configs() -> None:
    """List the configs that `lottery init` writes."""
    from lottery.config import shipped

    known = shipped.configs()
    width = max(map(len, known))
    for name, path in known.items():
        print(f"{name:{width}}  {shipped.title(path)}")
