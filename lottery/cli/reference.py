"""The commands `methods` and `config` say what can be written."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lottery.cli import completion
from lottery.cli.options import Plugins, Set
from lottery.errors import LotteryError


def methods(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help="Such as scores, models, topology.", autocompletion=completion.kinds),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="One of that kind: all that is known of it.", autocompletion=completion.methods
        ),
    ] = None,
    plugin: Plugins = [],  # noqa: ARG001, B006
) -> None:
    """List the names that a config may have, with their options."""
    from lottery.display.console import results_console
    from lottery.display.methods import asked

    try:
        shown = asked(kind, name)
    except LookupError as error:
        raise LotteryError(str(error.args[0])) from None
    console = results_console()
    with console.capture() as written:
        console.print(shown)
    print(*(line.rstrip() for line in written.get().splitlines()), sep="\n")


def show_config(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="A YAML file.", autocompletion=completion.configs)
    ] = None,
    set_: Set = [],  # noqa: B006
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of configs, for editors.")] = False,
    reference: Annotated[bool, typer.Option("--reference", help="Print what every key means, in Markdown.")] = False,
    plugin: Plugins = [],  # noqa: ARG001, B006
) -> None:
    """Print a config with every default, or all that may be in one."""
    from lottery.config.file import load
    from lottery.config.schema import Config

    if reference:
        from lottery.display.handbook import handbook

        print(handbook(), end="")
    elif schema:
        print(json.dumps(Config.model_json_schema(), indent=2))
    elif config is None:
        raise LotteryError("name a config file, or ask for --reference or --schema")
    else:
        print(load(config, set_).to_yaml(), end="")
