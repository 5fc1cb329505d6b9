"""`entra-fleet emulate`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
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
) -> None:
    """Serve an embedded Entra tenant over TLS, to rehearse a fleet against."""
    from graph_emulator.__main__ import main

    arguments = ["--port", str(port), "--dir", str(directory), "--seed", str(seed), "--estate", str(estate)]
    for name, values in (("--profile", profile), ("--fault", fault)):
        arguments += [word for value in values or () for word in (name, value)]
    raise typer.Exit(main(arguments))
