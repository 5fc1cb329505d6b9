"""`entra-fleet emulate`, `init`, `help` and `--version`: what a person begins with."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.errors import CommandFailed
from flows.cli.options import Output
from flows.cli.output.console import print_json, print_note, print_text


def emulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Loopback port; 0 picks a free one.")] = 8443,
    directory: Annotated[Path, typer.Option("--dir", help="Directory for ca.pem and env.sh.")] = Path("emulator"),
    profile: Annotated[list[str] | None, typer.Option(help="Fault profile: calm, laggy, flaky, lossy …")] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="Fault rule, such as 'instantiate#3: commit, then reset'.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed produces the same tenant.")] = 1,
    estate: Annotated[
        int, typer.Option(min=0, max=20_000, help="Service principals that the tenant has to begin with.")
    ] = 0,
    target_tenants: Annotated[
        int, typer.Option(min=0, max=100, help="Further tenants, for cross-tenant synchronization.")
    ] = 0,
) -> None:
    """Serve an embedded Entra tenant over TLS, to rehearse a fleet against."""
    from graph_emulator.__main__ import main

    arguments = ["--port", str(port), "--dir", str(directory), "--seed", str(seed), "--estate", str(estate)]
    arguments += ["--target-tenants", str(target_tenants)]
    for name, values in (("--profile", profile), ("--fault", fault)):
        arguments += [word for value in values or () for word in (name, value)]
    raise typer.Exit(main(arguments))


def init(
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
    print_note(f"Wrote {path}. Edit it, then run: entra-fleet plan {path}")


def show_help(
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
