"""The commands `methods` and `config` say what can be written."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lottery.cli import completion
from lottery.cli.options import Plugins, Set
from lottery.errors import LotteryError


def methods(plugin: Plugins = []) -> None:  # noqa: ARG001, B006
    """List the names that a config may have, with their options."""
    from rich.text import Text

    from lottery import registry
    from lottery.display.console import results_console

    console = results_console()
    for kind, meaning in registry.KINDS.items():
        console.print(Text(f"{kind}: {meaning}", style="bold"))
        for name in registry.names(kind):
            entry = registry.find(kind, name)
            options = ", ".join(
                key if field.is_required() else f"{key}={_plain(field.default)}"
                for key, field in entry.options.model_fields.items()
            )
            console.print(Text(f"  {name}{f' ({options})' if options else ''}: {entry.summary}"), soft_wrap=True)


def show_config(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="A YAML file.", autocompletion=completion.configs)
    ] = None,
    set_: Set = [],  # noqa: B006
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of configs, for editors.")] = False,
    plugin: Plugins = [],  # noqa: ARG001, B006
) -> None:
    """Print a config with every default written out, or a schema."""
    from lottery.config.file import load
    from lottery.config.schema import Config

    if schema:
        print(json.dumps(Config.model_json_schema(), indent=2))
    elif config is None:
        raise LotteryError("name a config file, or ask for --schema")
    else:
        print(load(config, set_).to_yaml(), end="")


def _plain(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
