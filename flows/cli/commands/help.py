"""`entra-fleet help` and `entra-fleet --version`."""

import platform
from importlib.metadata import version
from typing import Annotated

import typer

from flows.cli.arguments.options import Output
from flows.cli.output.console import print_json, print_text


def command(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]...", help="A command, such as jobs pause.")
    ] = None,
) -> None:
    """Show the help of a command, as --help does."""
    found = context.find_root()
    for name in names or ():
        if not isinstance(found.command, typer.core.TyperGroup):
            found.fail(f"{found.info_name} has no command {name!r}.")
        # It suggests the command that was meant, as everywhere.
        _, subcommand, _ = found.command.resolve_command(found, [name])
        if subcommand:
            found = typer.Context(subcommand, info_name=name, parent=found)
    print_text(found.command.get_help(found))


def show_version(output: Output) -> None:
    """Print the version; as JSON with those of what it runs on and of its store's tables."""
    own = version("entra-fleet")
    if output is Output.TEXT:
        print_text(f"entra-fleet {own}\n")
        return
    from flows.store import SCHEMA_VERSION

    print_json(
        {
            "entra_fleet": own,
            "python": platform.python_version(),
            "prefect": version("prefect"),
            "store": SCHEMA_VERSION,
        }
    )
