"""`entra-fleet init`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.errors import CommandFailed
from flows.cli.output.console import stderr_console


def command(
    path: Annotated[Path, typer.Argument(metavar="FLEET", help="File to write.")] = Path("fleet.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented starter fleet file."""
    from flows.configuration.environment import environment
    from flows.fleet_file.starter import starter_text

    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(starter_text(environment().tenant))
    except FileExistsError:
        raise CommandFailed(f"{path} already exists.", "Name another file, or overwrite it with --force.") from None
    except OSError as error:
        raise CommandFailed(f"Cannot write {path}: {error.strerror}.") from None
    stderr_console().print(f"Wrote {path}. Edit it, then run: entra-fleet plan {path}")
